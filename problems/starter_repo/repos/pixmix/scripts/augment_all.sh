#!/bin/bash
# Apply one operation to every image of a folder: augment_all.sh SOURCE TARGET OP [OPTION ...]
set -euo pipefail
source="$1" target="$2" op="$3"
shift 3
count=0
for image in "$source"/*.p[gp]m; do
  python3 augment.py --input "$image" --output "$target/${image##*/}" --op "$op" "$@"
  count=$((count + 1))
done
echo "done: $count images"
