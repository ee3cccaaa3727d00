"""Where data comes from: readers that turn what a source sends into checked items, or say clearly why not."""
