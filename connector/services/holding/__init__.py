"""Taking data in: records imported by staff, points sent by people's devices."""
