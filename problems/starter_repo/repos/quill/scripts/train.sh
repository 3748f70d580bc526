#!/bin/bash
# Train a model and measure it on the test set: train.sh MODEL OUTPUT
set -euo pipefail
python3 train.py --model "$1" --output "$2"
python3 evaluate.py --model "$2/model.json" --output "$2/test.json"
