// Draws a thing again only when it is another one: what a thousand rows need.
import { Component, type JSX } from "preact";

interface Props<T> {
  of: T;
  draw: (of: T) => JSX.Element;
}

export class Memo<T> extends Component<Props<T>> {
  override shouldComponentUpdate(next: Props<T>): boolean {
    return next.of !== this.props.of;
  }

  override render({ of, draw }: Props<T>): JSX.Element {
    return draw(of);
  }
}
