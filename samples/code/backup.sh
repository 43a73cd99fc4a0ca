#!/bin/sh
# Keeps the last seven archives.
set -eu
tar -czf "backup-$(date +%F).tar.gz" "$1"
ls -1t backup-*.tar.gz | tail -n +8 | xargs -r rm --
