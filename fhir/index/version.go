package index

// Version grows when the rows that Extract makes of the same resource change, so that a server whose
// rows were made by an older program makes them again.
const Version = 3
