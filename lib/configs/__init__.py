"""Which models there are, and what each needs to build its tasks."""

from lib.configs.models import MODELS, ConfigError, TaskConfig, choose_models
from lib.configs.presets import PRESETS, Preset
from lib.configs.variants import VARIANTS, Variant

__all__ = ["MODELS", "PRESETS", "VARIANTS", "ConfigError", "Preset", "TaskConfig", "Variant", "choose_models"]
