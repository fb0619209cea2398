"""Code tables of the trade as data: regions, fields, industries, party natures, calendars. Each names its source and its confidence."""
