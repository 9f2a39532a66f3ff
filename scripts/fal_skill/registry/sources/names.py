"""What a field's name says: the medium of a file field, and whether a number is an integer.

The SDK's types say ``string | Blob | File`` for an upload and ``number`` for every number; the rest is in the name.
"""

from __future__ import annotations

import re

_WORD_KINDS = {
    "image": ("image", "images", "img", "mask", "masks", "frame", "photo", "face", "garment", "clothing", "depth",
              "texture", "normal", "thumbnail", "logo", "method", "style", "background", "picture", "pose", "canny",
              "roughness", "metallic", "visualization", "overlay", "sketch", "map"),
    "video": ("video", "videos", "movie", "clip"),
    "audio": ("audio", "audios", "voice", "speech", "song", "music", "vocals", "vocal", "drums", "bass", "guitar",
              "piano", "sound", "stem", "speaker"),
    "weights": ("lora", "loras", "embedding", "embeddings", "checkpoint", "weights", "adapter"),
    "3d": ("mesh", "meshes", "model", "glb", "glbs", "obj", "fbx", "usdz", "ply", "splat", "splats", "stl", "mtl",
           "gaussian", "armature", "3d"),
    "archive": ("data", "archive", "zip", "dataset", "latents"),
}  # fmt: skip
_KIND_OF_WORD = {word: kind for kind, words in _WORD_KINDS.items() for word in words}
_SEPARATOR = re.compile(r"[_\-.\s]+")
_UPLOAD_SUFFIX = re.compile(r"_(url|urls|file|files|path)$")
_URL_LIST = re.compile(r"(^|_)urls$")

_INTEGER = re.compile(
    r"""^(seed|\w*_seed | num_\w+ | number_of_steps | \w*steps | (\w*_)?(height|width) | (\w*_)?fps | frames
        | max_frames | max_images | max_tokens | max_new_tokens | top_k | batch_size | sample_rate | bitrate | rank
        | iterations | n )$""",
    re.VERBOSE,
)


def file_kind(name: str) -> str:
    """Return the medium that a file field holds, by its name: the last telling word wins (``control_lora_image_url``).

    ``file`` when the name does not say.
    """
    words = [word for word in _SEPARATOR.split(_UPLOAD_SUFFIX.sub("", name.lower())) if word]
    if words and words[-1] in ("url", "file"):
        words.pop()
    for word in reversed(words):
        if word in _KIND_OF_WORD:
            return _KIND_OF_WORD[word]
    return "file"


def is_url_list(name: str) -> bool:
    """Whether a list of strings of that name holds file URLs: the types do not mark these as uploads."""
    return _URL_LIST.search(name) is not None


def is_integer(name: str, default: object = None) -> bool:
    """Whether a number of that name is an integer, as far as a name can tell (right in about nine of ten cases)."""
    if isinstance(default, float) and not default.is_integer():
        return False
    return _INTEGER.match(name) is not None
