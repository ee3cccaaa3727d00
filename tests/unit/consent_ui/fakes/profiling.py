"""In-memory profiles: what a steward can choose from when a dataset is described."""

from connector.services.steward.profile_views import ProfileRow


class Profiles:
    def __init__(self, empty: bool = False) -> None:
        self.empty = empty

    async def rows(self, actor):
        own = [
            ProfileRow("ward-3", version, "0a1b", "Ward 3", "", "fhir-r4", ["R4"], True, standing)
            for version, standing in (("1", "replaced"), ("2", "active"))
        ]
        packaged = ProfileRow("research-standard", "2.1.0", "2c3d", "Research, standard", "", "fhir-r4", ["R4"], False)
        return [packaged, *([] if self.empty else own)]
