"""Segment's own session plugin as published, for tests beside it: fetched by npm, its hash pinned."""

import base64
import hashlib
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from tests.browser.shop_page import Shop
from tests.support.processes import ROOT

PACKAGE = "@segment/browser-destinations@3.98.0"
FILE = "segment-browser-destinations-3.98.0.tgz"
SHA512 = "B3ZwhY4KqO6jrGOL5j8BD+8rRYsddABh+hzVd1LH6VnHfa1FVpM6wWrwzX9ycsQC/fUbQ56ecZwVmIQ1WZH4IQ=="
PLUGIN = "amplitude-plugins/6743af15a3c984ff970b.js"
PARTS = (PLUGIN, "688/bfba63ca3870acbc5783.js")
"""The plugin and the chunk that it loads from beside its own folder."""
KEPT = ROOT / "build" / "npm"


def published() -> dict[str, str]:
    """Return the plugin's files by path, fetched once; AssertionError where they are not as published."""
    path: Path = KEPT / FILE
    if not path.is_file():
        KEPT.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", PACKAGE, "--pack-destination", str(KEPT), "--silent"]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    data = path.read_bytes()
    if base64.b64encode(hashlib.sha512(data).digest()).decode() != SHA512:
        path.unlink()
        raise AssertionError(f"{PACKAGE} is not what was published; it is fetched again at the next run")
    with tarfile.open(path) as archive:
        files = {part: archive.extractfile(f"package/dist/web/{part}") for part in PARTS}
        return {part: file.read().decode() for part, file in files.items() if file}


def workspace(shop: Shop, settings: dict[str, Any]) -> str:
    """Return a CDN like Segment's, of a workspace with the destination and its session plugin."""
    shop.without_plugin()
    for part, source in published().items():
        shop.site.pages[f"/{part}"] = source
        shop.site.types[f"/{part}"] = "text/javascript"
    path = "/v1/projects/web-key/settings"
    document = json.loads(shop.site.pages[path])
    types = ("track", "identify", "group", "page", "alias")
    document["remotePlugins"] = [
        {
            "name": "Amplitude (Actions)",
            "creationName": "Actions Amplitude",
            "libraryName": "amplitude-pluginsDestination",
            "url": f"{shop.site.url}/{PLUGIN}",
            "settings": {
                "subscriptions": [
                    {
                        "id": "1",
                        "name": "Session Plugin",
                        "enabled": True,
                        "partnerAction": "sessionId",
                        "subscribe": " or ".join(f'type = "{one}"' for one in types),
                        "mapping": settings,
                    }
                ]
            },
        }
    ]
    shop.site.pages[path] = json.dumps(document)
    return shop.site.url
