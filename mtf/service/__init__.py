"""The service: feeds, pipeline, consumers, metrics and HTTP as one configuration file says.

`service_settings` are the tables of the file as classes; `settings_file` reads and checks it, with `strict_values` and
`overrides`; `settings_schema` prints what can be in it; `parts` makes feeds and consumers of it. `service` runs all of
it, `feed_tasks` the feeds, `readiness` says how it is doing, `page_process` and `page_child` are the two ends of the
process that serves HTTP, and `systemd` speaks to the service manager.
"""

from __future__ import annotations
