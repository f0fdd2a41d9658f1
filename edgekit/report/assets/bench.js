// The page of a bench: the theme, and tables that can be sorted.
setUpTheme();
document.querySelectorAll("table.sortable").forEach(setUpSorting);
document.documentElement.dataset.ready = "yes";
