"""The page: the built workbench, served with a strict Content-Security-Policy and nothing from outside."""
