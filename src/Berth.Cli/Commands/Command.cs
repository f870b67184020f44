using Berth.Cli.Flags;

namespace Berth.Cli.Commands;

/// <summary>How many arguments a command takes, and how its refusal is worded.</summary>
internal sealed record ArgumentCount(int Minimum, int Maximum)
{
    public static ArgumentCount None { get; } = new(0, 0);

    public static ArgumentCount Exactly(int count) => new(count, count);

    public static ArgumentCount AtLeast(int count) => new(count, int.MaxValue);

    public static ArgumentCount AtMost(int count) => new(0, count);
}

/// <summary>A command with its flags already declared, for one run.</summary>
internal sealed class Command
{
    /// <summary>The words that invoke it, without the program's name, such as <c>container ls</c>.</summary>
    public required string Path { get; init; }

    /// <summary>The arguments of its usage line, such as <c>[OPTIONS] IMAGE</c>.</summary>
    public required string Usage { get; init; }

    /// <summary>What it does, in one line.</summary>
    public required string Summary { get; init; }

    /// <summary>Every way to invoke it; empty when there is one.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    public required FlagSet Flags { get; init; }

    public required ArgumentCount Arguments { get; init; }

    /// <summary>Runs it with the arguments that are no flags; returns the exit status.</summary>
    public required Func<CliContext, IReadOnlyList<string>, Task<int>> RunAsync { get; init; }

    /// <summary>The command as a user types it.</summary>
    public string FullName => "berth " + Path;

    /// <exception cref="UsageException">Too few or too many arguments.</exception>
    public void CheckArguments(IReadOnlyList<string> arguments)
    {
        (int minimum, int maximum) = Arguments;
        if (arguments.Count >= minimum && arguments.Count <= maximum)
            return;

        string verb = minimum == maximum || (minimum > 0 && maximum < int.MaxValue) ? "Run" : "See";
        string wanted = (minimum, maximum) switch
        {
            (0, 0) => "accepts no arguments",
            _ when minimum == maximum => $"requires {Count(minimum)}",
            _ when minimum > 0 && maximum < int.MaxValue => $"requires at least {minimum} and at most {Count(maximum)}",
            _ when arguments.Count < minimum => $"requires at least {Count(minimum)}",
            _ => $"requires at most {Count(maximum)}",
        };
        throw new UsageException(
            $"berth: '{FullName}' {wanted}\n\nUsage:  {FullName} {Usage}\n\n{verb} '{FullName} --help' for more information\n", exitCode: 1);
    }

    /// <summary>The refusal of a flag, with what to do next.</summary>
    public UsageException BadFlag(string problem) =>
        new($"{problem}\n\nUsage:  {FullName} {Usage}\n\nRun '{FullName} --help' for more information\n", exitCode: 125);

    /// <summary>The text of <c>--help</c>.</summary>
    public string Help(int width)
    {
        string text = $"Usage:  {FullName} {Usage}\n\n{Summary}\n";
        if (Aliases.Count > 0)
            text += "\nAliases:\n  " + string.Join(", ", Aliases.Select(alias => "berth " + alias)) + "\n";

        string flags = FlagHelp.Render(Flags.Flags, width - 1);
        return flags.Length == 0 ? text : $"{text}\nOptions:\n{flags}";
    }

    private static string Count(int count) => count == 1 ? "1 argument" : $"{count} arguments";
}
