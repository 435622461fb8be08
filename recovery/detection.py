"""From the names that people and hubs use to browser and model type."""

from __future__ import annotations

import re

from recovery.kinds import BrowserType, ModelType

_BROWSER_WORDS = {
    BrowserType.EDGE: ("edge", "msedge", "edgium"),
    BrowserType.FIREFOX: ("firefox", "gecko", "mozilla"),
    BrowserType.SAFARI: ("safari",),
    BrowserType.WEBKIT: ("webkit", "minibrowser", "epiphany"),
    BrowserType.CHROME: ("chrome", "chromium", "google"),
}

# Families by their names. Longer stems are found anywhere in a word, short ones (up to three letters) only at its
# beginning. The order matters: "hubert" contains "bert", "clip-vit" and "vit-gpt2" name two families.
_MODEL_STEMS = {
    ModelType.MULTIMODAL: (
        *(
            "clip",
            "siglip",
            "llava",
            "blip",
            "flava",
            "flamingo",
            "vilt",
            "visualbert",
            "lxmert",
            "layoutlm",
            "idefics",
        ),
        *(
            "paligemma",
            "fuyu",
            "kosmos",
            "pix2struct",
            "donut",
            "internvl",
            "minicpm-v",
            "-vl-",
            "moondream",
            "florence",
        ),
        *("imagebind", "multimodal", "qvq", "smolvlm", "align-base"),
    ),
    ModelType.AUDIO: (
        *("whisper", "wav2vec", "clap", "hubert", "wavlm", "encodec", "musicgen", "speech", "audio", "vits", "bark-"),
        *("unispeech", "moonshine", "parakeet", "kokoro", "mms-", "data2vec-audio", "ast-"),
    ),
    ModelType.VISION: (
        *("vit", "resnet", "detr", "deit", "beit-", "swin", "convnext", "dino", "yolo", "mobilenet", "efficientnet"),
        *("segformer", "segment-anything", "sam", "depth", "dpt", "mask2former", "vgg", "densenet", "unet", "vision"),
        *("regnet", "squeezenet", "inception", "image", "mnist", "poolformer", "levit", "owlv"),
    ),
    ModelType.TEXT: (
        *("bert", "t5", "mt5", "llama", "gpt", "opt", "qwen", "mistral", "mixtral", "gemma", "phi", "falcon", "bloom"),
        *(
            "bart",
            "pegasus",
            "electra",
            "deberta",
            "xlnet",
            "ernie",
            "minilm",
            "mpnet",
            "longformer",
            "marian",
            "smollm",
        ),
        *("deepseek", "codegen", "starcoder", "bge", "gte", "e5", "text", "rwkv", "mamba", "nomic", "xlm"),
    ),
}


def detect_browser_type(name: str) -> BrowserType:
    """The browser that a name means: ``"Google Chrome"``, ``"msedge"``, ``"MozillaFirefox"``.

    Raises:
        ValueError: no browser is called so, or it is no name.
    """
    lowered = name.lower() if isinstance(name, str) else ""
    for browser, names in _BROWSER_WORDS.items():
        if any(word in lowered for word in names):
            return browser
    raise ValueError(f"unknown browser {name!r}; known are {', '.join(BrowserType)}")


def detect_model_type(name: str) -> ModelType:
    """The family of a model by its name: ``"bert-base-uncased"`` is text, ``"openai/whisper-tiny"`` audio.

    Also takes the families' own names. Whoever has a model of another name must say its type: a guess would send it to
    the wrong browser and count in the wrong circuit.

    Raises:
        ValueError: no family is known by this name, or it is no name.
    """
    lowered = name.lower() if isinstance(name, str) else ""
    words = "-" + re.sub(r"[^a-z0-9]+", "-", lowered) + "-"
    for family, stems in _MODEL_STEMS.items():
        if f"-{family.value}-" in words or any(_names(stem, words) for stem in stems):
            return family
    raise ValueError(f"unknown kind of model {name!r}; say which it is: {', '.join(ModelType)}")


def _names(stem: str, words: str) -> bool:
    return (stem if len(stem) > 3 else f"-{stem}") in words
