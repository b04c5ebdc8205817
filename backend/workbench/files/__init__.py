"""Files of a session: read, written, listed, searched, watched, uploaded and downloaded, never outside its folder."""
