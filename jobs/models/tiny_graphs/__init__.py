"""The tiny models' graphs, by the file that each becomes: the name of the model that it is a twin of. For the generator only (`make_tiny.py`)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import onnx

from jobs.models.tiny_graphs.audio import wav2vec2, whisper
from jobs.models.tiny_graphs.llama import llama
from jobs.models.tiny_graphs.llava import llava_decoder, llava_projector, llava_vision
from jobs.models.tiny_graphs.multimodal import clip
from jobs.models.tiny_graphs.text import bert, t5
from jobs.models.tiny_graphs.vision import vit

TINY_GRAPHS: Mapping[str, Callable[[], onnx.ModelProto]] = MappingProxyType(
    {
        "bert-base-uncased": bert,
        "t5-small": t5,
        "vit-base-patch16-224": vit,
        "whisper-tiny": whisper,
        "wav2vec2-base": wav2vec2,
        "clip-vit-base-patch32": clip,
        "llama": llama,
        "llava-vision": llava_vision,
        "llava-projector": llava_projector,
        "llava-decoder": llava_decoder,
    }
)

__all__ = ["TINY_GRAPHS"]
