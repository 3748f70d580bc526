"""Run problems through a generator, a sandbox and graders, and keep what was found."""
