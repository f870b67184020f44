using System.Reflection;
using Berth.Storage;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>Which operations come by which marked steps.</summary>
internal static class FailPointCases
{
    /// <summary>Every name, read from the class that the daemon was compiled with.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. typeof(FailPoints).GetFields(BindingFlags.Public | BindingFlags.Static).Select(static field => (string)field.GetRawConstantValue()!)]; // all are constant strings

    /// <summary>Every operation with every step that it must come by; a name whose first part is not known here is an error.</summary>
    public static IEnumerable<(string Operation, string Point)> All => Names.SelectMany(static name => OperationsOf(name).Select(operation => (operation, name))).Concat(Later);

    /// <summary>Those between which something is on the disk that depends on the driver.</summary>
    public static IEnumerable<(string Operation, string Point)> OfVfs =>
        All.Where(static one => one.Operation is "create" or "rm" or "--rm" or "import" or "load" or "commit" or "pull" or "rmi" or "fsck"
            && one.Point[..one.Point.IndexOf('.', StringComparison.Ordinal)] is "create" or "rm" or "trash" or "image" or "rmi" or "fsck").Append(("create", FailPoints.CopyMade));

    // Steps that an operation comes by more than once: the second time is another place.
    private static IEnumerable<(string Operation, string Point)> Later => Again.Append(("start in networks", FailPoints.PlugLinked + ":2"));

    private static IEnumerable<(string Operation, string Point)> Again =>
        from name in (string[])[FailPoints.JournalWritten, FailPoints.JournalSynced]
        from operation in (string[])["rm -f", "--rm", "again", "push"]
        select (operation, name + ":2");

    /// <summary>Whether a daemon with a network namespace of its own is needed.</summary>
    public static bool IsOfNetworks(string operation) => operation.StartsWith("network ", StringComparison.Ordinal) || operation.EndsWith("connect", StringComparison.Ordinal) || operation.EndsWith(" in networks", StringComparison.Ordinal);

    private static string[] OperationsOf(string name) => name[..name.IndexOf('.', StringComparison.Ordinal)] switch
    {
        "journal" => ["create", "build", "start", "stop", "rm", "rm -f", "--rm", "commit", "load", "pull", "push", "rmi", "tag", "again", "rename", "network create", "network rm", "connect", "disconnect"],
        "image" => name == FailPoints.ImageLayerPublished ? ["import", "load", "commit", "pull", "build"] : ["import", "load", "commit", "pull", "push", "build"],
        "step" => ["build"],
        "steps" => name == FailPoints.StepsSynced ? ["failing build"] : ["build", "failing build"],
        "trash" => ["rm", "rm -f", "--rm", "rmi", "fsck"],
        "fsck" => ["fsck"],
        "push" => ["push"],
        "create" => ["create"],
        "start" => ["start", "--rm", "again"],
        "stop" => name == FailPoints.StopTold ? ["stop", "again"]
            : ["stop", "rm -f", "again", "rm -f of a paused one", "stop of a paused one"],
        "end" => ["stop", "rm -f", "--rm", "again", "rm -f of a paused one"],
        "rm" => ["rm", "rm -f", "--rm"],
        "exec" => ["exec"],
        "rmi" => ["rmi"],
        "tag" => ["tag"],
        "restart" => ["restart"],
        "again" => ["again"],
        "pause" => ["pause"],
        "unpause" => name == FailPoints.UnpauseThawed ? ["unpause", "rm -f of a paused one", "stop of a paused one"] : ["unpause"],
        "rename" => ["rename"],
        "health" => ["health"],
        "event" => ["event"],
        "net-create" => ["network create"],
        "net-rm" => ["network rm"],
        "plug" => ["start in networks"],
        "unplug" => ["end in networks"],
        "connect" => ["connect"],
        "disconnect" => ["disconnect"],
        "copy" => [], // of the other driver
        _ => throw new ArgumentException($"no operation is known for {name}", nameof(name)),
    };
}
