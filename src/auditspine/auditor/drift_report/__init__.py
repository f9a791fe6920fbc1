"""What is known of a model's drift, put together for a page: read, compared, drawn."""
