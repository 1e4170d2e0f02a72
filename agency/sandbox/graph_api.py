"""Microsoft Graph v1.0, as much of it as the agency calls: token, site, list, columns, drive, upload, fields."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable
from typing import Any

from .drive import Drive, RefusedError, StoredFile, Upload
from .faults import graph_error
from .library import LIBRARY_NAME, columns
from .reply import Reply, Request

SITE = r"/v1\.0/sites/(?P<site>[^/:]+)"
DRIVE = r"/v1\.0/drives/[^/]+"
LIST_ID = "list-fertige-referenzfotos"
PAGE = 100  # smaller than any that Graph would take, so that paging is seen to work
BEHAVIOR = "@microsoft.graph.conflictBehavior"


class GraphApi:
    """`throttle`: the first columns request after each answered one gets a 429, so that a retry can be seen."""

    def __init__(self, *, throttle: bool, retry_after: float) -> None:
        self.drive = Drive()
        self._throttle = throttle
        self._retry_after = retry_after
        self._columns_due = False
        self._tokens: set[str] = set()
        self._lock = threading.Lock()
        self._routes: list[tuple[str, re.Pattern[str], Callable[[Request, dict[str, str]], Reply]]] = [
            ("GET", re.compile(r"/v1\.0/sites/(?P<host>[^/:]+):/(?P<path>.+)"), self._site),
            ("GET", re.compile(SITE + "/lists"), self._lists),
            ("GET", re.compile(SITE + "/lists/[^/]+/columns"), self._columns),
            ("GET", re.compile(SITE + "/lists/[^/]+/drive"), self._drive),
            ("GET", re.compile(DRIVE + "/root/children"), self._children),
            ("PUT", re.compile(DRIVE + r"/root:/(?P<name>.+):/content"), self._put_content),
            ("POST", re.compile(DRIVE + r"/root:/(?P<name>.+):/createUploadSession"), self._open_upload),
            ("PATCH", re.compile(DRIVE + r"/items/(?P<item>[^/]+)/listItem/fields"), self._patch_fields),
            ("GET", re.compile(DRIVE + r"/items/(?P<item>[^/]+)/listItem"), self._list_item),
        ]

    def serve(self, request: Request) -> Reply:
        """Answer one request of login, Graph or an upload session."""
        try:
            if request.path.endswith("/oauth2/v2.0/token"):
                return self._token(request)
            if request.path.startswith("/upload/"):
                return self._upload(request)  # pre-authenticated by its URL, as Graph's upload URLs are
            return self._authorized(request)
        except RefusedError as no:
            return Reply(status=no.status, body=graph_error(no.status, no.message, no.code))
        except (ValueError, TypeError) as error:
            return Reply(status=400, body=graph_error(400, f"Malformed request: {error}"))

    def expire_tokens(self) -> None:
        """Refuse every token given out so far."""
        with self._lock:
            self._tokens.clear()

    def _authorized(self, request: Request) -> Reply:
        if request.header("Authorization").removeprefix("Bearer ") not in self._tokens:
            raise RefusedError(401, "InvalidAuthenticationToken", "Access token is missing, empty or expired.")
        for method, pattern, route in self._routes:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                return route(request, match.groupdict())
        raise RefusedError(404, "itemNotFound", f"No such resource: {request.method} {request.path}")

    def _token(self, request: Request) -> Reply:
        if b"client_secret=wrong" in request.body or b"client_id=" not in request.body:
            description = "AADSTS7000215: Invalid client secret provided."
            return Reply(status=401, body={"error": "invalid_client", "error_description": description})
        token = f"sandbox-{uuid.uuid4().hex}"
        with self._lock:
            self._tokens.add(token)
        return Reply(
            body={"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token},
        )

    def _site(self, _request: Request, part: dict[str, str]) -> Reply:
        site_id = f"{part['host']},{uuid.UUID(int=1)},{uuid.UUID(int=2)}"
        name = part["path"].rsplit("/", 1)[-1]
        url = f"https://{part['host']}/{part['path']}"
        return Reply(body={"id": site_id, "displayName": name, "name": name, "webUrl": url})

    def _lists(self, _request: Request, _part: dict[str, str]) -> Reply:
        facet = {"template": "documentLibrary", "hidden": False}
        return Reply(
            body={"value": [{"id": LIST_ID, "displayName": LIBRARY_NAME, "name": LIBRARY_NAME, "list": facet}]}
        )

    def _columns(self, _request: Request, _part: dict[str, str]) -> Reply:
        with self._lock:
            throttled = self._throttle and not self._columns_due
            self._columns_due = throttled
        if not throttled:
            return Reply(body={"value": columns()})
        headers = {"Retry-After": f"{self._retry_after:g}", "RateLimit-Limit": "1200", "RateLimit-Remaining": "0"}
        headers["RateLimit-Reset"] = headers["Retry-After"]
        return Reply(status=429, body=graph_error(429, "The request has been throttled."), headers=headers)

    def _drive(self, _request: Request, _part: dict[str, str]) -> Reply:
        return Reply(body={"id": "drive-referenzfotos", "name": LIBRARY_NAME, "driveType": "documentLibrary"})

    def _children(self, request: Request, _part: dict[str, str]) -> Reply:
        files, first = self.drive.files(), int(request.query.get("$skiptoken", "0"))
        page: dict[str, Any] = {"value": [_item(file) for file in files[first : first + PAGE]]}
        if first + PAGE < len(files):
            page["@odata.nextLink"] = f"http://{request.header('Host')}{request.path}?$skiptoken={first + PAGE}"
        return Reply(body=page)

    def _put_content(self, request: Request, part: dict[str, str]) -> Reply:
        behavior = request.query.get(BEHAVIOR, "replace")
        return _stored(*self.drive.put(part["name"], len(request.body), behavior))

    def _open_upload(self, request: Request, part: dict[str, str]) -> Reply:
        behavior = request.json().get("item", {}).get(BEHAVIOR, "fail")
        upload_id = self.drive.open_upload(part["name"], behavior)
        host = request.header("Host")
        return Reply(body={"uploadUrl": f"http://{host}/upload/{upload_id}", **_expected(0)})

    def _upload(self, request: Request) -> Reply:
        upload_id = request.path.rsplit("/", 1)[-1]
        if request.method == "GET":
            upload: Upload = self.drive.upload(upload_id)
            return Reply(body=_expected(upload.received))
        if request.method == "DELETE":
            self.drive.drop_upload(upload_id)
            return Reply(status=204)
        finished = self.drive.receive(upload_id, request.header("Content-Range"), len(request.body))
        if finished is None:
            return Reply(status=202, body=_expected(self.drive.upload(upload_id).received))
        return _stored(*finished)

    def _patch_fields(self, request: Request, part: dict[str, str]) -> Reply:
        return Reply(body=self.drive.write_fields(part["item"], request.json()).fields)

    def _list_item(self, _request: Request, part: dict[str, str]) -> Reply:
        stored = self.drive.file(part["item"])
        return Reply(body={"id": "1", "webUrl": _item(stored)["webUrl"], "fields": stored.fields})


def _expected(first: int) -> dict[str, Any]:
    return {"expirationDateTime": "2099-01-01T00:00:00Z", "nextExpectedRanges": [f"{first}-"]}


def _stored(file: StoredFile, new: bool) -> Reply:
    return Reply(status=201 if new else 200, body=_item(file))


def _item(file: StoredFile) -> dict[str, Any]:
    url = f"https://erni.sandbox.example/sites/Referenzfotos/{file.name}"
    return {"id": file.id, "name": file.name, "size": file.size, "webUrl": url, "file": {"mimeType": "image/jpeg"}}
