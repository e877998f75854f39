"""The peers, a file each."""
