"""The floor: a relay that copies bytes and parses nothing (`tools/relay.rs`)."""

TITLE = "byte relay"
PROGRAM = "peers"
VERSION = []
HINT = "name it with --tools"
# It opens a connection to the app for each that it gets, and speaks no HTTP.
WITHOUT = ("h2", "handshakes", "idle", "log", "hosts")


def command(program, place):
    app = place.sites[0].app
    return [program, "relay", place.plain, place.tls, place.certificate, place.key, app, place.setting.workers]
