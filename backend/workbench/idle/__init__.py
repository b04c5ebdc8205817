"""Sessions that nobody uses: their services stop after a time that the workspace chose, announced, unless somebody keeps them."""
