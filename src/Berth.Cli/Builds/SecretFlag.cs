using System.Text;
using Berth.Cli.Flags;
using Berth.Model;

namespace Berth.Cli.Builds;

/// <summary><c>--secret id=ID[,src=FILE|,env=NAME]</c>: what a build's steps may know and nobody else.</summary>
/// <param name="Id">What the Dockerfile calls it.</param>
/// <param name="File">The file that has it; null for a variable.</param>
/// <param name="Variable">The variable that has it; null for a file.</param>
internal sealed record SecretFlag(string Id, string? File, string? Variable)
{
    private const long MostBytes = 500 * 1024;

    /// <summary>Reads the flag's value, not yet what it names. Without a file or variable it is the variable of the id's name, or else the file.</summary>
    /// <exception cref="FlagValueException">It is malformed.</exception>
    public static SecretFlag Parse(string text)
    {
        string id = "";
        string? file = null, variable = null, type = null;
        foreach (string field in CsvFields.Split(text))
        {
            int equals = field.IndexOf('=', StringComparison.Ordinal);
            string key = (equals < 0 ? throw new FlagValueException($"invalid field '{field}' must be a key=value pair") : field[..equals]).ToLowerInvariant();
            string value = field[(equals + 1)..];
            switch (key)
            {
                case "id":
                    id = value;
                    break;
                case "src" or "source":
                    file = value;
                    break;
                case "env":
                    variable = value;
                    break;
                case "type" when value is "file" or "env":
                    type = value;
                    break;
                default:
                    throw new FlagValueException(key == "type" ? $"unsupported secret type \"{value}\"" : $"unexpected key '{key}' in '{field}'");
            }
        }

        if (id.Length == 0)
            throw new FlagValueException("secret ID missing");

        (file, variable) = (file, variable) switch
        {
            (not null, null) when type == "env" => (null, file), // as in BuildKit's clients
            (null, null) => type != "file" && Environment.GetEnvironmentVariable(id) is not null ? (null, id) : (id, null),
            (not null, not null) => throw new FlagValueException($"secret {id} is either in a file or in a variable"),
            var one => one,
        };
        return new SecretFlag(id, file, variable);
    }

    /// <summary>The secret itself.</summary>
    /// <exception cref="CommandFailedException">It cannot be read, or is too large.</exception>
    public byte[] Read()
    {
        if (Variable is { } name)
            return Encoding.UTF8.GetBytes(Environment.GetEnvironmentVariable(name) ?? throw new CommandFailedException($"secret {Id}: the variable {name} is not set", exitCode: 1));

        try
        {
            using FileStream file = System.IO.File.OpenRead(File!); // one of both is set
            return file.Length <= MostBytes
                ? System.IO.File.ReadAllBytes(File!)
                : throw new CommandFailedException($"secret {Id}: {PrintableText.Of(File!)} has {file.Length} bytes, at most {MostBytes} are allowed", exitCode: 1);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"secret {Id}: open {PrintableText.Of(File!)}: {KeyValueFiles.Reason(exception)}", exitCode: 1);
        }
    }
}
