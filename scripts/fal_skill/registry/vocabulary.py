"""Word tables for slugs: base forms, abbreviations, owners elsewhere. Data only.

The tables hold what people write for what fal's slugs say; they were put together from the slugs themselves and from
the names that the same models carry on other hosts.
"""

from __future__ import annotations

TASK_SOURCES: dict[str, str] = {
    "text": "text", "txt": "text", "t": "text", "prompt": "text",
    "image": "image", "img": "image", "images": "image", "photo": "image", "i": "image",
    "video": "video", "vid": "video", "v": "video",
    "audio": "audio", "speech": "speech", "a": "audio",
    "reference": "reference", "ref": "reference", "r": "reference", "3d": "3d", "multiview": "multiview",
}  # fmt: skip
"""What may stand before ``to`` or ``2`` in a task, and the medium it means."""

TASK_TARGETS: dict[str, str] = {
    "text": "text", "txt": "text",
    "image": "image", "img": "image", "images": "image", "i": "image",
    "video": "video", "vid": "video", "v": "video",
    "audio": "audio", "speech": "speech", "a": "audio", "3d": "3d",
}  # fmt: skip
"""What may stand after ``to`` or ``2`` in a task, and the medium it means."""

SILENT_WORDS = frozenset({"to", "by", "with", "of", "the", "and", "for", "a", "an", "ai", "fal", "api", "model", "models"})
"""Words of a slug that tell no two models apart."""

ABBREVIATIONS: dict[str, tuple[str, ...]] = {
    "t2v": ("text>video",), "txt2vid": ("text>video",), "text2vid": ("text>video",),
    "i2v": ("image>video",), "v2v": ("video>video",), "r2v": ("reference>video",), "a2v": ("audio>video",),
    "t2i": ("text>image",), "i2i": ("image>image",), "t2a": ("text>audio",), "a2a": ("audio>audio",),
    "v2a": ("video>audio",), "s2v": ("audio>video",), "ti2v": ("text>video", "image>video"),
    "flf2v": ("first", "last", "frame", "video"),
    "tts": ("text>speech",), "stt": ("speech>text",), "asr": ("speech>text",), "s2s": ("speech>speech",),
    "sd": ("stable", "diffusion"), "sd3": ("stable", "diffusion", "#3"), "sd15": ("stable", "diffusion", "#15"),
    "sdv15": ("stable", "diffusion", "#15"), "sd35": ("stable", "diffusion", "#35"),
    "sfx": ("sound", "effect"), "hd": ("hd",), "vton": ("tryon",), "vto": ("tryon",),
    "image23d": ("image>3d",), "img23d": ("image>3d",), "text23d": ("text>3d",), "txt23d": ("text>3d",),
    "removebg": ("background", "remove"), "bgremove": ("background", "remove"), "rmbg": ("background", "remove"),
    "dalle": ("gpt", "image"), "texttovideo": ("text>video",), "imagetovideo": ("image>video",),
    "texttoimage": ("text>image",), "imagetoimage": ("image>image",), "texttospeech": ("text>speech",),
    "speechtotext": ("speech>text",), "videotovideo": ("video>video",),
}  # fmt: skip
"""Whole chunks that stand for several words or for a task."""

WORD_FORMS: dict[str, str] = {
    "upscaler": "upscale", "upscaling": "upscale", "upscalers": "upscale",
    "inpainting": "inpaint", "inpainter": "inpaint", "outpainting": "outpaint",
    "trainer": "train", "training": "train", "finetune": "train", "finetuning": "train", "finetuner": "train",
    "removal": "remove", "remover": "remove", "removing": "remove", "bg": "background",
    "tryon": "tryon", "lipsync": "lipsync", "lipsyncing": "lipsync",
    "img": "image", "images": "image", "imgs": "image", "vid": "video", "videos": "video", "audios": "audio",
    "std": "standard", "erase": "eraser", "erasing": "eraser", "editing": "edit", "edits": "edit",
    "effects": "effect", "voices": "voice", "cloning": "clone", "cloned": "clone",
    "generator": "generate", "generation": "generate", "generating": "generate",
    "interpolate": "interpolation", "segmentation": "segment", "segmenting": "segment",
    "detection": "detect", "detector": "detect", "captioning": "caption", "captioner": "caption", "captions": "caption",
    "subtitle": "subtitles", "relighting": "relight", "deblurring": "deblur", "denoising": "denoise",
    "extension": "extend", "extending": "extend", "extender": "extend", "transcription": "transcribe",
    "vectorizer": "vectorize", "colorization": "colorize", "colorizer": "colorize", "restoration": "restore",
    "utils": "utilities", "util": "utilities", "utility": "utilities", "avatars": "avatar", "characters": "character",
    "refs": "reference", "ref": "reference", "merge": "merge", "merging": "merge", "animation": "animate",
    "multi": "multi", "angles": "angle", "shots": "shot", "elements": "element", "realtime": "realtime",
    "fn": "function", "transparent": "transparent", "photography": "photo", "photos": "photo",
    "tokenizer": "tokenizer", "virtualtryon": "tryon", "stylize": "style", "restyle": "style",
    "translation": "translate", "dub": "dubbing", "enhancer": "enhance", "enhancement": "enhance",
}  # fmt: skip
"""Forms of a word that mean the same in a slug; also pairs of words that are one (``try`` + ``on``)."""

WORD_RUNS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("stable", "diffusion", "xl"): ("sdxl",),
    ("stable", "video", "diffusion"): ("stable", "video"),
    ("text", "video"): ("text>video",),
    ("text", "image"): ("text>image",),
    ("text", "speech"): ("text>speech",),
    ("image", "video"): ("image>video",),
    ("dall", "e"): ("gpt", "image"),
    ("real", "time"): ("realtime",),
}
"""Runs of words in a wrong slug, and what fal's slugs say instead."""

MEDIA_NAMES: dict[str, str] = {
    "image": "image", "picture": "image", "photo": "image", "photograph": "image", "pic": "image",
    "video": "video", "clip": "video", "footage": "video",
    "audio": "audio", "sound": "audio", "recording": "audio",
    "text": "text", "prompt": "text", "3d": "3d", "mesh": "3d",
}  # fmt: skip

DEFAULT_TASKS = frozenset({"text>image", "text>video", "text>speech", "text>audio", "text>3d"})
"""The task meant when a slug names none."""

DEFAULT_WORDS: dict[str, float] = {
    "standard": 0.45, "pro": 0.45, "preview": 0.2, "american": 0.2, "english": 0.2, "hd": 0.3, "large": 0.3,
    "generate": 0.2, "image": 0.3, "video": 0.4, "base": 0.6, "fast": 0.6, "apps": 0.2, "imageutils": 0.2,
    "preprocessors": 0.2, "workflow": 0.2, "utilities": 0.2,
}  # fmt: skip
"""Words of a slug that a person leaves out easily, and what it costs a suggestion to have one more than was asked for."""

VARIANT_WORDS = frozenset(
    "pro standard master turbo fast lite mini max ultra flash quality lightning distilled distill dev base full plus hd "
    "large medium small preview instant new rapid precision speed lora eleven stream realtime".split()
)
"""Words that name a grade of a model and not the model; they never outweigh the family or its version."""

COMMON_WORDS = VARIANT_WORDS | frozenset(DEFAULT_WORDS) | {"text", "audio", "speech", "id", "world", "name", "effect"}
"""Words that alone point to no model."""

OPERATION_WORDS = frozenset(
    "train edit inpaint outpaint upscale lipsync remove redux reframe extend remix tryon canny depth controlnet avatar "
    "clone dubbing character stream realtime lora".split()
)
"""Words that say what is done; a slug without the one that was asked for does another job."""

RELATED_WORDS: dict[str, tuple[tuple[str, float], ...]] = {
    "background": (("rembg", 0.7),),
    "controlnet": (("control", 0.8),),
    "ltx": (("ltxv", 0.6),),
    "ltxv": (("ltx", 0.9),),
    "inpaint": (("fill", 0.7), ("eraser", 0.5)),
    "turbo": (("fast", 0.5), ("lightning", 0.4)),
    "fast": (("turbo", 0.5), ("flash", 0.5), ("distilled", 0.4)),
    "lite": (("mini", 0.5),),
    "mini": (("lite", 0.5),),
    "whisper": (("wizper", 0.7),),
    "style": (("transfer", 0.3),),
    "isolation": (("separate", 0.4),),
    "vectorize": (("svg", 0.5),),
    "remove": (("eraser", 0.5),),
}
"""Words that another word may stand for, and how well."""

FOREIGN_OWNERS = frozenset(
    ["black-forest-labs", "stability-ai", "stabilityai", "bytedance", "google", "google-deepmind", "google-research", "openai", "kwaivgi", "kuaishou", "wan-video", "wan-ai", "wavespeedai", "lightricks", "tencent", "tencentarc", "luma", "lumalabs", "minimax", "minimaxai", "recraft-ai", "ideogram-ai", "runwayml", "pixverse", "topazlabs", "nightmareai", "sczhou", "jaaari", "x-lance", "resemble-ai", "cjwbw", "lucataco", "fofr", "zsxkib", "prunaai", "tongyi-mai", "alibaba", "alibaba-pai", "qwen", "genmo", "firtoz", "microsoft", "meta", "facebook", "facebookresearch", "nvidia", "philz1337x", "men1scus", "playgroundai", "hidream-ai", "vidu", "leonardoai", "bria-ai", "briaai", "suno", "cuuupid", "chenxwh", "adirik", "lambdal", "andreasjansson", "ai-forever", "hexgrad", "canopylabs", "nari-labs", "myshell-ai", "coqui", "systran", "huggingface", "fal", "falai", "fal_ai"]
)
"""Owners of the same models on other hosts; they say nothing about a slug here."""
