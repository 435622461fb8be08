"""The page of settings says what the settings are."""

from docs.generate_settings import TARGET, settings_page
from jobs.settings import Settings


def test_the_page_is_fresh() -> None:
    assert TARGET.read_text(encoding="utf-8") == settings_page(), "run: python -m docs.generate_settings"


def test_every_setting_is_on_the_page() -> None:
    page = settings_page()
    for name in Settings.model_fields:
        assert f"`BREAKWATER_{name.upper()}`" in page
