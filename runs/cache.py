"""Where this user's codebench keeps what can be computed again."""

import platformdirs

CACHE = platformdirs.user_cache_path("codebench")
