"""Names of browsers and models, as people and hubs write them."""

from __future__ import annotations

import pytest

from recovery import BrowserType, ModelType, detect_browser_type, detect_model_type


@pytest.mark.parametrize(
    ("browser", "names"),
    [
        (BrowserType.CHROME, ("chrome", "Google Chrome", "chromium", "chrome-headless-shell")),
        (BrowserType.FIREFOX, ("firefox", "Firefox ESR", "MozillaFirefox")),
        (BrowserType.EDGE, ("edge", "MicrosoftEdge", "msedge")),
        (BrowserType.SAFARI, ("safari", "Safari Technology Preview")),
        (BrowserType.WEBKIT, ("webkit", "WebKitGTK", "MiniBrowser")),
    ],
)
def test_browsers(browser: BrowserType, names: tuple[str, ...]) -> None:
    assert [detect_browser_type(name) for name in names] == [browser] * len(names)


@pytest.mark.parametrize(
    ("model_type", "names"),
    [
        (
            ModelType.TEXT,
            (
                "bert-base-uncased",
                "t5-small",
                "google/flan-t5-base",
                "meta-llama/Llama-3.2-1B",
                "gpt2",
                "roberta-base",
                "distilbert",
                "Qwen/Qwen2.5-0.5B",
                "TinyLlama",
                "all-MiniLM-L6-v2",
                "facebook/opt-125m",
                "text",
            ),
        ),
        (
            ModelType.VISION,
            (
                "vit-base-patch16-224",
                "microsoft/resnet-50",
                "facebook/detr-resnet-50",
                "yolov8n",
                "dinov2-small",
                "mobilenet_v2",
                "facebook/sam-vit-base",
                "vision",
            ),
        ),
        (
            ModelType.AUDIO,
            (
                "whisper-tiny",
                "openai/whisper-large-v3",
                "facebook/wav2vec2-base",
                "laion/clap-htsat-unfused",
                "hubert-base-ls960",
                "microsoft/speecht5_tts",
                "audio",
            ),
        ),
        (
            ModelType.MULTIMODAL,
            (
                "openai/clip-vit-base-patch32",
                "llava-1.5-7b",
                "Salesforce/blip-image-captioning-base",
                "siglip-base",
                "Qwen2-VL-2B",
                "flava",
                "multimodal",
            ),
        ),
    ],
)
def test_families_of_models(model_type: ModelType, names: tuple[str, ...]) -> None:
    assert {name: detect_model_type(name) for name in names} == dict.fromkeys(names, model_type)


@pytest.mark.parametrize("name", ["netscape", "", "bert", None, 7])
def test_an_unknown_browser_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"unknown browser .* known are chrome, firefox, edge, safari, webkit"):
        detect_browser_type(name)


@pytest.mark.parametrize("name", ["my-model", "", "chrome", "adopt", "rapid", None, 7])
def test_an_unknown_family_is_not_guessed(name: str) -> None:
    with pytest.raises(ValueError, match=r"unknown kind of model .*: text, vision, audio, multimodal"):
        detect_model_type(name)
