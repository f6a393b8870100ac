"""A service: holds what it was told, and answers with how much that is."""
import http.server


class Handler(http.server.BaseHTTPRequestHandler):
    held = []

    def do_POST(self):
        self.held.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.do_GET()

    def do_GET(self):
        text = f"{sum(map(len, self.held))} bytes held\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


http.server.HTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
