"""A cube in every mesh format; in glTF with a texture on it, as models return it."""

from __future__ import annotations

import base64
import json
import struct
from typing import TYPE_CHECKING, Any

from . import plain
from .documents import archive

if TYPE_CHECKING:
    from .recipe import Recipe

_CORNERS = [(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]
_QUADS = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
"""The faces, counter-clockwise seen from outside: -x +x -y +y -z +z."""
_NORMALS = [(-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1)]
_TEXTURE_SIDE = 64
"""Pixels. The texture covers each face once."""
_TRIANGLES = [triangle for a, b, c, d in _QUADS for triangle in ((a, b, c), (a, c, d))]


def mesh(recipe: Recipe) -> bytes:
    """Return the content of a mesh file: a cube of side 1 around the origin."""
    makers = {
        "gltf": _gltf, "obj": _obj, "mtl": _mtl, "ply": _ply, "splat": _splat, "stl": _stl, "usdz": _usdz, "fbx": _fbx,
    }  # fmt: skip
    return makers.get(recipe.format, _glb)()


def _scene(buffer: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return the glTF 2.0 document and its binary data: 24 vertices, so that every face has its own normals."""
    positions = b"".join(struct.pack("<fff", *_CORNERS[corner]) for quad in _QUADS for corner in quad)
    normals = b"".join(struct.pack("<fff", *normal) * 4 for normal in _NORMALS)
    faces = b"".join(struct.pack("<6H", *(4 * face + corner for corner in (0, 1, 2, 0, 2, 3))) for face in range(6))
    corners = struct.pack("<8f", 0, 0, 1, 0, 1, 1, 0, 1) * 6
    texture = plain.png(_TEXTURE_SIDE, _TEXTURE_SIDE)
    parts = [(positions, 34962), (normals, 34962), (faces, 34963), (corners, 34962), (texture, None)]
    data, views = b"", []
    for content, target in parts:
        view = {"buffer": 0, "byteOffset": len(data), "byteLength": len(content)}
        views.append(view if target is None else {**view, "target": target})
        data += content + b"\0" * (-len(content) % 4)  # accessors begin at multiples of four
    document = {
        "asset": {"version": "2.0", "generator": "sandbox"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "cube"}],
        "meshes": [
            {
                "primitives": [
                    {"attributes": {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 3}, "indices": 2, "material": 0}
                ]
            }
        ],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0.0}}],
        "textures": [{"source": 0, "sampler": 0}],
        "samplers": [{}],
        "images": [{"bufferView": 4, "mimeType": "image/png"}],
        "accessors": [
            {
                "bufferView": 0, "componentType": 5126, "count": 24, "type": "VEC3",
                "min": [-0.5, -0.5, -0.5], "max": [0.5, 0.5, 0.5],
            },
            {"bufferView": 1, "componentType": 5126, "count": 24, "type": "VEC3"},
            {"bufferView": 2, "componentType": 5123, "count": 36, "type": "SCALAR"},
            {"bufferView": 3, "componentType": 5126, "count": 24, "type": "VEC2"},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": len(data), **buffer}],
    }  # fmt: skip
    return document, data


def _glb() -> bytes:
    document, data = _scene({})
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    data += b"\0" * (-len(data) % 4)
    chunks = struct.pack("<I", len(text)) + b"JSON" + text + struct.pack("<I", len(data)) + b"BIN\0" + data
    return b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks


def _gltf() -> bytes:
    _, data = _scene({})
    document, _ = _scene({"uri": "data:application/octet-stream;base64," + base64.b64encode(data).decode()})
    return json.dumps(document).encode()


def _obj() -> bytes:
    lines = ["o cube", *(f"v {x} {y} {z}" for x, y, z in _CORNERS)]
    lines += [f"vn {x} {y} {z}" for x, y, z in _NORMALS]
    lines += ["f " + " ".join(f"{corner + 1}//{face + 1}" for corner in quad) for face, quad in enumerate(_QUADS)]
    return ("\n".join(lines) + "\n").encode()


def _mtl() -> bytes:
    return b"newmtl grey\nKa 0.6 0.6 0.6\nKd 0.6 0.6 0.6\nKs 0 0 0\nd 1\nillum 1\n"


def _ply() -> bytes:
    head = [
        "ply", "format ascii 1.0", f"element vertex {len(_CORNERS)}", "property float x", "property float y",
        "property float z", f"element face {len(_QUADS)}", "property list uchar int vertex_indices", "end_header",
    ]  # fmt: skip
    rows = [f"{x} {y} {z}" for x, y, z in _CORNERS] + ["4 " + " ".join(map(str, quad)) for quad in _QUADS]
    return ("\n".join(head + rows) + "\n").encode()


def _splat() -> bytes:
    """Return eight Gaussians of 32 bytes: position and scale (floats), colour and rotation (bytes)."""
    return b"".join(
        struct.pack("<6f8B", *corner, 0.1, 0.1, 0.1, *[153] * 3, 255, 255, *[128] * 3) for corner in _CORNERS
    )


def _stl() -> bytes:
    rows = (
        struct.pack("<12fH", *_NORMALS[index // 2], *(value for corner in triangle for value in _CORNERS[corner]), 0)
        for index, triangle in enumerate(_TRIANGLES)
    )
    return b"sandbox cube".ljust(80, b"\0") + struct.pack("<I", len(_TRIANGLES)) + b"".join(rows)


def _usdz() -> bytes:
    """Return a USDZ: a ZIP, stored, whose members start at multiples of 64 bytes."""
    points = ", ".join(f"({x}, {y}, {z})" for x, y, z in _CORNERS)
    faces = ", ".join(str(corner) for quad in _QUADS for corner in quad)
    stage = (
        '#usda 1.0\n(\n    defaultPrim = "cube"\n    metersPerUnit = 1\n    upAxis = "Y"\n)\n\n'
        'def Mesh "cube"\n{\n'
        f"    int[] faceVertexCounts = [{', '.join('4' for _ in _QUADS)}]\n"
        f"    int[] faceVertexIndices = [{faces}]\n"
        f"    point3f[] points = [{points}]\n"
        "}\n"
    )
    return archive({"cube.usda": stage.encode()}, alignment=64)


def _fbx() -> bytes:
    """Return an ASCII FBX 7.4; the last corner of a face is written as its complement."""
    points = ",".join(str(value) for corner in _CORNERS for value in corner)
    faces = ",".join(f"{a},{b},{c},{-d - 1}" for a, b, c, d in _QUADS)
    return (
        "; FBX 7.4.0 project file\n"
        "FBXHeaderExtension:  {\n\tFBXHeaderVersion: 1003\n\tFBXVersion: 7400\n}\n"
        "Objects:  {\n"
        '\tGeometry: 1, "Geometry::cube", "Mesh" {\n'
        f"\t\tVertices: *{len(_CORNERS) * 3} {{\n\t\t\ta: {points}\n\t\t}}\n"
        f"\t\tPolygonVertexIndex: *{len(_QUADS) * 4} {{\n\t\t\ta: {faces}\n\t\t}}\n"
        "\t\tGeometryVersion: 124\n\t}\n"
        '\tModel: 2, "Model::cube", "Mesh" {\n\t\tVersion: 232\n\t}\n}\n'
        'Connections:  {\n\tC: "OO",1,2\n\tC: "OO",2,0\n}\n'
    ).encode()
