// Stands in for dotenv where programs of answers are run: there is no .env file to read.
exports.config = () => ({ parsed: {} });
