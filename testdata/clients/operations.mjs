// Tells each operation of a seed on a line of JSON, for the table that the Go test prints.
export const told = (seed, client) => async (operation, run) => {
  let result = 'ok';
  let value;
  try {
    value = await run();
  } catch (error) {
    result = `failed: ${error.message ?? JSON.stringify(error)}`;
    process.exitCode = 1;
  }
  console.log(JSON.stringify({ seed, operation, client, result }));
  return value;
};

// The error that an operation ends with; that it ends well is one.
export const refused = async (promise) => {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('this was not refused');
};
