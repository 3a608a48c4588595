"""Pages for readers: articles, series and reports, as files that need no server."""
