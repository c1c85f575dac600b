"""The protocol: what an editor asks, and answers in its terms."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path

from lsprotocol import types as lsp
from pygls import uris
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer
from pygls.workspace import TextDocument

from framework import __version__
from framework.errors import FrameworkError, InputError, Place, Problem
from framework.tools.fmt import formatted_text
from framework.tools.lsp.analysis import Analysis, analyse, hover
from framework.tools.lsp.complete import Choice, choices
from framework.tools.lsp.context import context
from framework.tools.lsp.navigate import definition, renamed, target

PAUSE = 0.15
"""Seconds of silence before a text is read again."""

SEVERITIES = {
    "error": lsp.DiagnosticSeverity.Error,
    "warning": lsp.DiagnosticSeverity.Warning,
}
KINDS = {
    "operator": lsp.CompletionItemKind.Function,
    "key": lsp.CompletionItemKind.Property,
    "attribute": lsp.CompletionItemKind.Field,
    "word": lsp.CompletionItemKind.EnumMember,
    "name": lsp.CompletionItemKind.Variable,
    "block": lsp.CompletionItemKind.Class,
    "function": lsp.CompletionItemKind.Function,
}


class Server(LanguageServer):
    """Keeps what is known about each open text."""

    def __init__(self) -> None:
        super().__init__("framework", __version__)
        self.known: dict[str, tuple[int | None, Analysis]] = {}

    def text(self, uri: str) -> TextDocument:
        """An open text."""
        return self.workspace.get_text_document(uri)

    def analysis(self, uri: str) -> Analysis:
        """What is known about the text as it is now."""
        document = self.text(uri)
        known = self.known.get(uri)
        if known is None or known[0] != document.version or document.version is None:
            known = (document.version, analyse(document.source, file_of(uri)))
            self.known[uri] = known
        return known[1]

    def publish(self, uri: str) -> None:
        """Show the mistakes of a text."""
        found = self.analysis(uri)
        problems = [self.diagnostic(uri, problem) for problem in found.problems]
        self.text_document_publish_diagnostics(
            lsp.PublishDiagnosticsParams(uri, problems, self.text(uri).version)
        )

    def diagnostic(self, uri: str, problem: Problem) -> lsp.Diagnostic:
        """A mistake with its range; one in an imported file is shown at the top."""
        name = self.analysis(uri).source.name
        place = problem.place
        own = place is not None and place.source.name == name
        fact = problem.fact if own or place is None else f"{place}: {problem.fact}"
        parts = [fact, *([problem.hint] if problem.hint else []), *problem.notes]
        return lsp.Diagnostic(
            range=self.range(uri, place) if own and place is not None else line_range(0),
            message="\n".join(parts),
            severity=SEVERITIES.get(problem.severity, lsp.DiagnosticSeverity.Error),
            code=problem.code,
            source="framework",
        )

    def range(self, uri: str, place: Place) -> lsp.Range:
        """A place as the editor counts."""
        start = lsp.Position(place.line - 1, place.column - 1)
        end = lsp.Position(place.line - 1, place.column - 1 + place.width)
        document = self.text(uri)
        return document.position_codec.range_to_client_units(document.lines, lsp.Range(start, end))

    def position(self, uri: str, position: lsp.Position) -> tuple[int, int]:
        """Line and column of a cursor, from 0, in characters."""
        document = self.text(uri)
        lines = document.lines or [""]
        if position.line >= len(lines):
            return len(document.source.split("\n")) - 1, 0
        found = document.position_codec.position_from_client_units(lines, position)
        return found.line, found.character


def line_range(line: int) -> lsp.Range:
    """The start of a line."""
    return lsp.Range(lsp.Position(line, 0), lsp.Position(line, 1))


def file_of(uri: str) -> Path | None:
    """The file of a text, if it is one."""
    path = uris.to_fs_path(uri) if uri.startswith("file:") else None
    return None if path is None else Path(path)


def item(choice: Choice, edit: lsp.Range) -> lsp.CompletionItem:
    """A choice in the editor's terms."""
    doc = lsp.MarkupContent(lsp.MarkupKind.Markdown, choice.doc) if choice.doc else None
    text = choice.text if choice.text else choice.label
    return lsp.CompletionItem(
        label=choice.label,
        kind=KINDS[choice.kind],
        detail=choice.detail or None,
        documentation=doc,
        text_edit=lsp.TextEdit(edit, text),
        filter_text=choice.label,
    )


def make_server() -> Server:
    """The server with all that it can do."""
    server = Server()
    add_texts(server)
    add_words(server)
    add_names(server)
    add_format(server)
    return server


def add_texts(server: Server) -> None:
    """Mistakes, on opening and after each pause in typing."""

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        server.known.pop(params.text_document.uri, None)
        server.publish(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        await asyncio.sleep(PAUSE)
        uri = params.text_document.uri
        if uri in server.workspace.text_documents:
            if server.text(uri).version == params.text_document.version:
                server.publish(uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: lsp.DidSaveTextDocumentParams) -> None:
        server.known.clear()  # other texts may import this one
        server.publish(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        server.known.pop(params.text_document.uri, None)
        server.text_document_publish_diagnostics(
            lsp.PublishDiagnosticsParams(params.text_document.uri, [])
        )


def add_words(server: Server) -> None:
    """Completion and hover."""

    options = lsp.CompletionOptions(trigger_characters=[" ", ":", "{", "[", ","])

    @server.feature(lsp.TEXT_DOCUMENT_COMPLETION, options)
    def complete(params: lsp.CompletionParams) -> lsp.CompletionList:
        uri = params.text_document.uri
        line, column = server.position(uri, params.position)
        place = context(server.text(uri).source, line, column)
        width = column - place.start
        start = lsp.Position(params.position.line, params.position.character - width)
        edit = lsp.Range(start, params.position)
        return lsp.CompletionList(False, [item(choice, edit) for choice in choices(place)])

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hovered(params: lsp.HoverParams) -> lsp.Hover | None:
        uri = params.text_document.uri
        line, column = server.position(uri, params.position)
        text = server.text(uri).source
        words = text.split("\n")[line]
        while column < len(words) and (words[column].isalnum() or words[column] == "_"):
            column += 1
        place = context(text, line, column)
        told = hover(server.analysis(uri), place, line + 1, place.start + 1)
        if told is None:
            return None
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, told))


def add_names(server: Server) -> None:
    """Definitions, references, renaming."""

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def defined(params: lsp.DefinitionParams) -> lsp.Location | None:
        uri = params.text_document.uri
        line, column = server.position(uri, params.position)
        found = server.analysis(uri)
        place = definition(found, file_of(uri), line + 1, column + 1)
        if place is None:
            return None
        if place.source.name == found.source.name:
            return lsp.Location(uri, server.range(uri, place))
        other = uris.from_fs_path(place.source.name)
        return lsp.Location(other if other is not None else uri, line_range(place.line - 1))

    @server.feature(lsp.TEXT_DOCUMENT_REFERENCES)
    def referred(params: lsp.ReferenceParams) -> list[lsp.Location]:
        uri = params.text_document.uri
        line, column = server.position(uri, params.position)
        names = server.analysis(uri).names
        one = names.at(line + 1, column + 1)
        found = [] if one is None else names.all(one)
        return [lsp.Location(uri, server.range(uri, o.place)) for o in found]

    @server.feature(lsp.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepared(params: lsp.PrepareRenameParams) -> lsp.Range | None:
        uri = params.text_document.uri
        line, column = server.position(uri, params.position)
        try:
            return server.range(uri, target(server.analysis(uri), line + 1, column + 1).place)
        except InputError:
            return None

    @server.feature(lsp.TEXT_DOCUMENT_RENAME)
    def rename(params: lsp.RenameParams) -> lsp.WorkspaceEdit:
        uri = params.text_document.uri
        line, column = server.position(uri, params.position)
        try:
            found = renamed(server.analysis(uri), line + 1, column + 1, params.new_name)
        except InputError as error:
            raise JsonRpcInvalidParams(str(error)) from None
        edits = [lsp.TextEdit(server.range(uri, o.place), params.new_name) for o in found]
        return lsp.WorkspaceEdit(changes={uri: edits})


def add_format(server: Server) -> None:
    """Formatting as `fmt` does it."""

    @server.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    def formatting(params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit]:
        text = server.text(params.text_document.uri).source
        try:
            after = formatted_text(text)
        except FrameworkError:  # no YAML at the moment; its mistakes are shown already
            return []
        end = lsp.Position(len(text.split("\n")), 0)
        whole = lsp.Range(lsp.Position(0, 0), end)
        return [] if after == text else [lsp.TextEdit(whole, after)]


def serve() -> None:
    """Speak the protocol on stdin and stdout until the editor ends it.

    The server closes its streams in the end, so it gets its own; whatever else is printed goes
    to stderr, where it cannot be taken for a message.
    """
    with (
        os.fdopen(os.dup(sys.stdin.fileno()), "rb") as words,
        os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers,
        redirect_stdout(sys.stderr),
    ):
        make_server().start_io(words, answers)
