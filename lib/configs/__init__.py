"""Which models there are, and what each needs to build its tasks."""

from lib.configs.models import MODELS, ConfigError, TaskConfig, choose_models
from lib.configs.presets import PRESETS, Preset

__all__ = ["MODELS", "PRESETS", "ConfigError", "Preset", "TaskConfig", "choose_models"]
