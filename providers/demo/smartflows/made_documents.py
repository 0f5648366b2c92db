"""Documents that simulated Smart Flows runs make: what is said of them, and small real files."""

import io
import zipfile
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

from providers.demo.smartflows.blocks import stamp

TYPES = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "html": "text/html",
}
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"


@dataclass
class Document:
    id: str
    property: str  # under which name the block's output holds it
    block: str  # the generated key of the block in the model
    name: str
    ending: str
    created_at: datetime
    created_by: dict[str, str]

    def reference(self) -> dict[str, str]:
        return {"id": self.id, "displayName": self.name, "type": "document"}

    def metadata(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "displayName": self.name,
            "contentType": TYPES[self.ending],
            "createdAt": stamp(self.created_at),
            "createdBy": self.created_by,
            "finished": True,
            "expiration": None,
            "template": {"id": self.block[1:], "displayName": self.property, "type": "template"},
            "language": {"id": "en", "displayName": "English", "type": "language"},
        }

    def content(self) -> bytes:
        if self.ending == "docx":
            return word(self.name)
        if self.ending == "html":
            return f"<!doctype html><title>{escape(self.name)}</title><p>Done.".encode()
        return pdf(self.name)


def pdf(text: str) -> bytes:
    """The smallest file that a reader opens: one page, one line."""
    line = text.encode("ascii", "replace").decode().replace("(", "[").replace(")", "]")
    drawing = f"BT /F1 18 Tf 60 760 Td ({line}) Tj ET"
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
        "/Resources<</Font<</F1 5 0 R>>>>>>",
        f"<</Length {len(drawing)}>>stream\n{drawing}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    count = len(objects) + 1
    trailer = f"trailer<</Size {count}/Root 1 0 R>>\nstartxref\n{len(out)}\n%%EOF\n"
    return f"{out}xref\n0 {count}\n0000000000 65535 f \n{table}{trailer}".encode("ascii")


def word(text: str) -> bytes:
    """A Word file with one paragraph."""
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels"'
        f' ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override'
        f' PartName="/word/document.xml" ContentType="{TYPES["docx"]}.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1"'
        f' Type="{OFFICE}" Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{WORD}"><w:body><w:p><w:r><w:t>'
        f"{escape(text)}</w:t></w:r></w:p></w:body></w:document>",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, body in parts.items():
            # a fixed date, so that the same document is the same bytes each time
            archive.writestr(zipfile.ZipInfo(path, (2026, 11, 1, 8, 0, 0)), body)
    return buffer.getvalue()
