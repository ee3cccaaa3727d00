"""Alembic's entry: runs migrations on the connection it is handed."""

from alembic import context

from connector.storage.models import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True,
    compare_type=False, process_revision_directives=context.config.attributes.get("directives"),
)  # fmt: skip
with context.begin_transaction():
    context.run_migrations()
