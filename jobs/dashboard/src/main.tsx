// Fills the page's frame.
import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import { BatchPage, BatchStore } from "./batch";
import { BatchesPage, BatchesStore } from "./batches";
import { CircuitsPage } from "./circuits";
import { CircuitsStore } from "./circuits-store";
import { frame, root } from "./frame";
import { RecoveryPage, RecoveryStore } from "./recovery";
import { TestPage, TestStore } from "./test";

function page() {
  switch (frame.page) {
    case "circuits":
      return <CircuitsPage store={new CircuitsStore()} />;
    case "recovery":
      return <RecoveryPage store={new RecoveryStore()} />;
    case "batches":
      return <BatchesPage store={new BatchesStore()} />;
    case "batch":
      return <BatchPage store={new BatchStore()} />;
    case "test":
      return <TestPage store={new TestStore()} />;
  }
}

root.replaceChildren();
render(page(), root);
