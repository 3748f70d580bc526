"""What runs inside the sandbox; standard library only, and nothing from outside this folder."""
