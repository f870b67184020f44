using System.Text.RegularExpressions;
using Berth.RuntimeHost.Tests.Support;

namespace Berth.RuntimeHost.Tests;

/// <summary>The same commands to runc and to this runtime: same exit status, same messages but for the program's name.</summary>
public sealed partial class RuncComparisonTests : RuntimeTest
{
    // On a running container called ID.
    private static readonly string[] Commands =
    [
        "state nobody", "delete nobody", "delete -f nobody", "kill nobody", "start nobody", "pause nobody", "resume nobody", "ps nobody", "exec nobody true", "update nobody",
        "events --stats nobody", "start ID", "delete ID", "kill ID FOO", "kill ID 99", "kill ID --bogus", "kill ID 0", "state", "state a b", "kill", "list x", "bogus", "state --bogus",
        "list --quiet=maybe", "list -f xml", "ps -f xml ID", "create --preserve-fds x c", "create --bundle", "run ID", "run -b /nonexist c9", "run a/b", "exec ID", "exec ID nope", "exec ID /etc",
        "exec ID /nope", "exec ID sh -c exit\\ 7", "exec -t -d ID true", "exec --cwd rel ID id", "exec --cwd /nope ID id", "exec -u 5 ID id", "exec -g 5 -g 7 ID id", "exec -e A=B ID env",
        "pause ID", "exec ID true", "pause ID", "start ID", "resume ID", "resume ID", "update --memory abc ID", "update --memory 100m ID", "update ID", "spec", "spec -b /nonexist",
        "ps -f json nobody", "--log-format xml list",
    ];

    [Fact]
    public void MessagesAndExitCodesAreRuncs()
    {
        if (Programs.Runc is not { } runc)
            return; // nothing to compare with: eng/prepare --tests installs it where there is a package
        string[] theirs = All(runc, Path.Combine(Folder, "runc")), ours = All(Programs.Runtime, State);
        Assert.Equal(theirs, ours);
    }

    private string[] All(string program, string root)
    {
        string id = NewId();
        Outcome started = Programs.Run(program, ["--root", root, "run", "--detach", id], Bundle);
        Assert.True(started.Code == 0, started.ToString());
        var seen = new List<string>();
        foreach (string command in Commands)
        {
            string[] words = [.. WordBreak().Split(command).Select(word => word.Replace("\\ ", " ", StringComparison.Ordinal).Replace("ID", id, StringComparison.Ordinal))];
            Outcome outcome = Programs.Run(program, ["--root", root, .. words], Bundle);
            seen.Add($"{command}: {outcome.Code} {Normalize(outcome.Errors, id)} {(words[0] == "exec" ? string.Join('\n', outcome.Output.Split('\n').Order(StringComparer.Ordinal)) : "")}");
        }

        _ = Programs.Run(program, ["--root", root, "delete", "--force", id]);
        return [.. seen];
    }

    private static string Normalize(string text, string id) =>
        Time().Replace(text, "").Replace("berth-runtime", "runc", StringComparison.Ordinal).Replace("/usr/sbin/runc", "runc", StringComparison.Ordinal).Replace(id, "ID", StringComparison.Ordinal);

    [GeneratedRegex("time=\"[^\"]*\"")]
    private static partial Regex Time();

    [GeneratedRegex(@"(?<!\\) ")]
    private static partial Regex WordBreak();
}
