"""The echo on FastMCP over HTTP, without sessions, as its documentation shows it."""

import sys

from fastmcp import FastMCP
from pydantic import BaseModel


class Said(BaseModel):
    message: str


mcp = FastMCP("echo")


@mcp.tool
def echo(message: str) -> Said:
    """Says back what it is told"""
    return Said(message=message)


host, port = sys.argv[-1].split(":")
mcp.run(
    transport="http",
    host=host,
    port=int(port),
    path="/mcp",
    stateless_http=True,
    json_response=True,
    log_level="error",
    show_banner=False,
)
