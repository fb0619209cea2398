"""Import of many achievements from one XLSX or CSV file: read with bounds, checked line by line, dry run first."""
