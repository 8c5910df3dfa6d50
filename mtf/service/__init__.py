"""The service: feeds, pipeline, consumers, metrics and HTTP from one configuration file.

`service_settings` are the tables of the file as classes; `settings_file` reads and validates it, with `strict_values`
and `overrides`; `settings_schema` prints its schema; `parts` makes feeds and consumers from it. `service` runs
everything, `feed_tasks` the feeds, `readiness` reports its state, `page_process` and `page_child` are the two ends of
the process that serves HTTP, and `systemd` notifies the service manager.
"""

from __future__ import annotations
