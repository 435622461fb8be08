"""What the levers of each family of models gain, each measured on and off, in turns, in the same session.

    python -m tests.benchmarks.levers [--rounds N] [--browser B]… [--family F]… [--markdown FILE]

Not a test: nothing fails here. Times are this machine's; what counts is on against off. docs/models.md has the table.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from jobs.browsers.page_features import log_mel_for
from jobs.browsers.pool import SessionPool
from jobs.browsers.protocol import LogMel, ModelPart, Result, Run, RunOptions
from jobs.browsers.session import BrowserSession
from jobs.browsers.tensors import Tensor
from jobs.models.catalogue import ModelEntry, catalogue, entry_for
from jobs.models.inputs import make_batch
from jobs.settings import Settings
from jobs.specs import ModelSource, Platform, TestSpec
from recovery import Adjustments, BrowserType, ModelType

RUNS = 4
_Given = Mapping[str, object]
WORKGROUPS = {"256×1×1": (256, 1, 1), "128×2×1": (128, 2, 1)}
# Words of a vocabulary, and their width, in the text model of any batch size that is made here.
WORDS, WIDTH, LENGTH = 1000, 256, 32


@dataclass(frozen=True)
class Lever:
    """One setting, on (the default) and off, and the figure that it is about."""

    family: str
    what: str
    figure: str
    platform: Platform
    on: Callable[[BrowserSession], float]
    off: Callable[[BrowserSession], float]


def run(session: BrowserSession, platform: Platform, entry: ModelEntry, batch: int, options: RunOptions) -> Result:
    """Run a model as a test does."""
    inputs = tuple(Tensor.from_array(name, array) for name, array in make_batch(entry, batch).items())
    return _run(session, platform, entry, inputs, options, None)


def _run(
    session: BrowserSession,
    platform: Platform,
    entry: ModelEntry,
    inputs: tuple[Tensor, ...],
    options: RunOptions,
    log_mel: LogMel | None,
) -> Result:
    parts = tuple(
        ModelPart(name=part.name, url=session.link.offer(part.path), feeds=dict(part.feeds)) for part in entry.parts
    )

    def command(name: str) -> Run:
        return Run(
            id=name, parts=parts, platform=platform, inputs=inputs, log_mel=log_mel, warmup=1, runs=RUNS,
            options=options,
        )  # fmt: skip

    return session.run_model(command, 120, lambda: False)


def answer(session: BrowserSession, platform: Platform, entry: ModelEntry, batch: int, tensors: str = "cpu") -> float:
    """Milliseconds until the answer to an input is there: those of the batch that it is in."""
    sizes = {"batch": batch} if entry.type in {ModelType.TEXT, ModelType.VISION} else {}
    options = RunOptions.model_validate({"tensors": tensors, "dimensions": sizes})
    return statistics.median(run(session, platform, entry, batch, options).run_ms)


def each(session: BrowserSession, platform: Platform, entry: ModelEntry, batch: int, tensors: str = "cpu") -> float:
    """Milliseconds an input."""
    return answer(session, platform, entry, batch, tensors) / batch


def load(session: BrowserSession, platform: Platform, entry: ModelEntry, loading: str) -> float:
    """Milliseconds for fetching and building."""
    return run(session, platform, entry, 1, RunOptions.model_validate({"loading": loading})).load_ms


def features(session: BrowserSession, entry: ModelEntry, workgroup: str) -> float:
    """Milliseconds for the spectrogram."""
    made = log_mel_for(entry, session.browser)
    assert made is not None
    made = made.model_copy(update={"workgroup": WORKGROUPS[workgroup]})
    result = _run(session, Platform.WEBGPU, entry, (), RunOptions(), made)
    assert result.features_ms is not None
    return result.features_ms


def text_model(path: Path) -> ModelEntry:
    """Words to a number, for any batch: an embedding and four dense layers."""
    noise = np.random.default_rng(0)
    tables = {"words": (WORDS, WIDTH), **{f"dense{number}": (WIDTH, WIDTH) for number in range(4)}}
    weights = [
        numpy_helper.from_array(noise.normal(0, WIDTH**-0.5, shape).astype(np.float32), name)
        for name, shape in tables.items()
    ]
    nodes, x = [helper.make_node("Gather", ["words", "input_ids"], ["x"])], "x"
    for number in range(4):
        nodes.append(helper.make_node("MatMul", [x, f"dense{number}"], [f"x{number}"]))
        x = f"x{number}"
    nodes.append(helper.make_node("ReduceMean", [x], ["mean"], axes=[1], keepdims=0))
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", LENGTH])
    mean = helper.make_tensor_value_info("mean", TensorProto.FLOAT, ["batch", WIDTH])
    graph = helper.make_graph(nodes, "g", [ids], [mean], weights)
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)
    source = ModelSource(name="dense", type=ModelType.TEXT, path=path)
    return entry_for(
        TestSpec(
            id="t", browser=BrowserType.CHROME, model="dense", model_type=ModelType.TEXT, platform=Platform.WASM,
            own_model=source,
        )
    )  # fmt: skip


def levers(browser: BrowserType, text: ModelEntry) -> Iterator[Lever]:
    """All that there are, for one browser."""
    models = catalogue()
    vit, bert, llava = models["vit-base-patch16-224"], models["bert-base-uncased"], models["llava"]
    gpu, wasm = Platform.WEBGPU, Platform.WASM

    def lever(*words: str, platform: Platform, figure: Callable[..., float], on: _Given, off: _Given) -> Lever:
        family, what, unit = words
        return Lever(family, what, unit, platform, partial(figure, **on), partial(figure, **off))

    for platform in (wasm, gpu):
        yield lever(
            "text", "batch of 1 (off: 4)", "ms to an answer", platform=platform, figure=answer,
            on={"platform": platform, "entry": text, "batch": 1}, off={"platform": platform, "entry": text, "batch": 4},
        )  # fmt: skip
    yield lever(
        "text", "tensors on the CPU (off: GPU)", "ms to an answer", platform=gpu, figure=answer,
        on={"platform": gpu, "entry": bert, "batch": 1},
        off={"platform": gpu, "entry": bert, "batch": 1, "tensors": "gpu"},
    )  # fmt: skip
    for platform in (wasm, gpu):
        yield lever(
            "vision", "batch of 4 (off: 1)", "ms an image", platform=platform, figure=each,
            on={"platform": platform, "entry": vit, "batch": 4}, off={"platform": platform, "entry": vit, "batch": 1},
        )  # fmt: skip
    yield lever(
        "vision", "zero-copy: tensors on the GPU (off: CPU)", "ms an image", platform=gpu, figure=each,
        on={"platform": gpu, "entry": vit, "batch": 4, "tensors": "gpu"},
        off={"platform": gpu, "entry": vit, "batch": 4},
    )  # fmt: skip
    own, other = ("256×1×1", "128×2×1") if browser is BrowserType.FIREFOX else ("128×2×1", "256×1×1")
    yield lever(
        "audio", f"workgroups of {own} (off: {other})", "ms a spectrogram", platform=gpu, figure=features,
        on={"entry": models["whisper-tiny"], "workgroup": own},
        off={"entry": models["whisper-tiny"], "workgroup": other},
    )  # fmt: skip
    for platform in (wasm, gpu):
        yield lever(
            "multimodal", "parallel loading (off: progressive)", "ms to load", platform=platform, figure=load,
            on={"platform": platform, "entry": llava, "loading": "parallel"},
            off={"platform": platform, "entry": llava, "loading": "progressive"},
        )  # fmt: skip
    yield lever(
        "multimodal", "tensors shared by parts on the GPU (off: CPU)", "ms a run", platform=gpu, figure=answer,
        on={"platform": gpu, "entry": llava, "batch": 1, "tensors": "gpu"},
        off={"platform": gpu, "entry": llava, "batch": 1},
    )  # fmt: skip


def rows(browser: BrowserType, families: Sequence[ModelType], rounds: int) -> Iterator[tuple[str, ...]]:
    """A row for each lever: medians over the rounds, each round on and off in turns."""
    with tempfile.TemporaryDirectory(prefix="bw") as folder:
        pool = SessionPool(Settings(scratch_dir=Path(folder), recycle_after_tests=1_000_000))
        try:
            for one in levers(browser, text_model(Path(folder) / "dense.onnx")):
                if one.family not in families:
                    continue
                session = pool.session_for(browser, Adjustments())
                for warm_up in (one.on, one.off):  # what only a first run pays, in each setting
                    warm_up(session)
                    session.withdraw_offers()
                times: dict[bool, list[float]] = {True: [], False: []}
                for turn in itertools.islice(itertools.cycle((True, False, False, True)), 2 * rounds):
                    times[turn].append((one.on if turn else one.off)(session))
                    session.withdraw_offers()
                on, off = (statistics.median(times[turn]) for turn in (True, False))
                gain = "none" if on > 0.95 * off else f"{off / on:.2f}×"
                yield (
                    one.family, one.what, browser.value, one.platform.value, one.figure, f"{on:.2f}", f"{off:.2f}", gain
                )  # fmt: skip
        finally:
            pool.close()


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--browser", action="append", type=BrowserType)
    parser.add_argument("--family", action="append", type=ModelType)
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args()
    columns = ("family", "lever", "browser", "platform", "figure", "on", "off", "gain")
    table = [f"| {' | '.join(columns)} |", "| --- | --- | --- | --- | --- | ---: | ---: | --- |"]
    for browser in given.browser or (BrowserType.CHROME, BrowserType.FIREFOX):
        for row in rows(browser, given.family or tuple(ModelType), given.rounds):
            table.append(f"| {' | '.join(row)} |")
            print(table[-1], flush=True)
    if given.markdown:
        given.markdown.write_text("\n".join(table) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
