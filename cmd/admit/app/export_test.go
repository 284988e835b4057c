package app

// Confirm lets a test answer the question.
var Confirm = confirm
