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
    public static IEnumerable<(string Operation, string Point)> All => Names.SelectMany(static name => OperationsOf(name).Select(operation => (operation, name)));

    private static string[] OperationsOf(string name) => name[..name.IndexOf('.', StringComparison.Ordinal)] switch
    {
        "journal" => ["create", "start", "stop", "rm", "commit", "load", "rmi", "tag"],
        "image" => ["import", "load", "commit"],
        "trash" => ["rm", "rmi"],
        "create" => ["create"],
        "start" => ["start"],
        "stop" or "end" => ["stop"],
        "rm" => ["rm", "rm -f"],
        "exec" => ["exec"],
        "rmi" => ["rmi"],
        "tag" => ["tag"],
        "restart" => ["restart"],
        "health" => ["health"],
        "event" => ["event"],
        _ => throw new ArgumentException($"no operation is known for {name}", nameof(name)),
    };
}
