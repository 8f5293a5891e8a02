"""TLS in front of a plain server: tls.py CERTIFICATE KEY AUTHORITY PORT. Clients must show a certificate of AUTHORITY,
or none where that is "-".

Prints its own port, then forwards what comes to 127.0.0.1:PORT until its standard input closes.
"""

import socket
import ssl
import sys
import threading


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(raw, context, port):
    try:
        secure = context.wrap_socket(raw, server_side=True)
        plain = socket.create_connection(("127.0.0.1", port))
    except OSError:
        raw.close()
        return
    threading.Thread(target=pump, args=(secure, plain), daemon=True).start()
    pump(plain, secure)


def accept(listener, context, port):
    while True:
        raw, _ = listener.accept()
        threading.Thread(target=serve, args=(raw, context, port), daemon=True).start()


certificate, key, authority, port = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
if authority != "-":
    context.load_verify_locations(authority)
    context.verify_mode = ssl.CERT_REQUIRED
listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=accept, args=(listener, context, int(port)), daemon=True).start()
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
