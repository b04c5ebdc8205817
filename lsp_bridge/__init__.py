"""Language servers, shared by many editors. Knows no HTTP, no database, no backend."""
