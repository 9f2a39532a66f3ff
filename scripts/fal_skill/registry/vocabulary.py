"""Word tables for slugs: base forms, abbreviations, grades, owners elsewhere. Data only.

The tables hold what people write for what fal's slugs say; they were put together from the slugs themselves and from
the names that the same models carry on other hosts.
"""

from __future__ import annotations


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


def form_table(text: str) -> dict[str, str]:
    """Return {form: base} of lines such as ``base: form form``; a line that is indented more goes on with the base."""
    made = {}
    base = ""
    for word in text.split():
        if word[-1] == ":":
            base = word[:-1]
        else:
            made[word] = base
    return made


TASK_SOURCES = form_table(
    """
    text: text txt prompt
    image: image img images photo
    video: video vid
    audio: audio
    speech: speech
    reference: reference ref
    3d: 3d
    multiview: multiview
    """
)
"""What may stand before ``to`` or ``2`` in a task, by the medium it means."""

TASK_TARGETS = form_table(
    """
    text: text txt
    image: image img images
    video: video vid
    audio: audio
    speech: speech
    3d: 3d
    """
)
"""What may stand after ``to`` or ``2`` in a task, by the medium it means."""

SILENT_WORDS = word_set(
    """
    a ai an and api by fal for model models of the to with
    """
)
"""Words of a slug that tell no two models apart."""

ABBREVIATIONS: dict[str, tuple[str, ...]] = {
    abbreviation: tuple(meant.split("+"))
    for abbreviation, meant in form_table(
        """
        text>video: t2v txt2vid text2vid texttovideo
        image>video: i2v imagetovideo
        video>video: v2v videotovideo
        reference>video: r2v
        audio>video: a2v s2v
        text>image: t2i texttoimage
        image>image: i2i imagetoimage
        text>audio: t2a
        audio>audio: a2a
        video>audio: v2a
        text>video+image>video: ti2v
        first+last+frame+video: flf2v
        text>speech: tts texttospeech
        speech>text: stt asr speechtotext
        speech>speech: s2s
        stable+diffusion: sd
        stable+diffusion+#3: sd3
        stable+diffusion+#15: sd15 sdv15
        stable+diffusion+#35: sd35
        sound+effect: sfx
        tryon: vton vto
        image>3d: image23d img23d
        text>3d: text23d txt23d
        background+remove: removebg bgremove rmbg
        gpt+image: dalle
        """
    ).items()
}
"""Whole chunks that stand for a task or for other words."""

WORD_FORMS = form_table(
    """
    upscale: upscaler upscaling upscalers
    inpaint: inpainting inpainter
    outpaint: outpainting
    train: trainer training finetune finetuning finetuner
    remove: removal remover removing
    background: bg
    tryon: tryon virtualtryon
    lipsync: lipsync lipsyncing
    image: img images imgs
    video: vid videos
    audio: audios
    standard: std
    eraser: erase erasing
    edit: editing edits
    effect: effects
    voice: voices
    clone: cloning cloned
    generate: generator generation generating
    interpolation: interpolate
    segment: segmentation segmenting
    detect: detection detector
    caption: captioning captioner captions
    subtitles: subtitle
    relight: relighting
    deblur: deblurring
    denoise: denoising
    extend: extension extending extender
    transcribe: transcription
    vectorize: vectorizer
    colorize: colorization colorizer
    restore: restoration
    utilities: utils util utility
    avatar: avatars
    character: characters
    reference: refs ref
    merge: merge merging
    animate: animation
    multi: multi
    angle: angles
    shot: shots
    element: elements
    realtime: realtime
    transparent: transparent
    photo: photography photos
    style: stylize restyle
    translate: translation
    dubbing: dub
    enhance: enhancer enhancement
    """
)
"""Forms of a word that mean the same in a slug, by the word; also pairs that are one word (``try`` + ``on``)."""

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
"""Runs of words in a wrong slug, and what slugs say instead."""

DEFAULT_TASKS = frozenset({"text>image", "text>video", "text>speech", "text>audio", "text>3d"})
"""The task meant when a slug names none."""

DEFAULT_WORDS: dict[str, float] = {
    "standard": 0.45, "pro": 0.45, "preview": 0.2, "american": 0.2, "english": 0.2, "hd": 0.3, "large": 0.3,
    "generate": 0.2, "image": 0.3, "video": 0.4, "base": 0.6, "fast": 0.6, "apps": 0.2, "imageutils": 0.2,
    "preprocessors": 0.2, "workflow": 0.2, "utilities": 0.2,
}  # fmt: skip
"""Words of a slug that are easily left out, and what it costs a suggestion to have one that was not asked for."""

VARIANT_WORDS = word_set(
    """
    base dev distill distilled eleven fast flash full hd instant large lightning lite lora master max medium
    mini new plus precision preview pro quality rapid realtime small speed standard stream turbo ultra
    """
)
"""Words that name a grade of a model and not the model; they never outweigh the family or its version."""

COMMON_WORDS = VARIANT_WORDS | word_set(
    """
    image video text audio speech id world name effect generate american english
    """
)
"""Words that alone point to no model."""

OPERATION_WORDS = word_set(
    """
    avatar canny character clone controlnet depth dubbing edit extend inpaint lipsync lora outpaint realtime
    redux reframe remix remove stream train tryon upscale
    """
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

FOREIGN_OWNERS = word_set(
    """
    adirik ai-forever alibaba alibaba-pai andreasjansson black-forest-labs bria-ai briaai bytedance canopylabs
    chenxwh cjwbw coqui cuuupid facebook facebookresearch fal fal_ai falai firtoz fofr genmo google
    google-deepmind google-research hexgrad hidream-ai huggingface ideogram-ai jaaari kuaishou kwaivgi lambdal
    leonardoai lightricks lucataco luma lumalabs men1scus meta microsoft minimax minimaxai myshell-ai nari-labs
    nightmareai nvidia openai philz1337x pixverse playgroundai prunaai qwen recraft-ai resemble-ai runwayml
    sczhou stability-ai stabilityai suno systran tencent tencentarc tongyi-mai topazlabs vidu wan-ai wan-video
    wavespeedai x-lance zsxkib
    """
)
"""Owners of the same models on other hosts; they say nothing about a slug here."""
