using System.Text;
using System.Text.Json;
using Berth.Linux;
using Berth.Linux.Processes;
using Berth.Linux.Signals;
using Berth.Model;
using Berth.Runtime.Host;
using Berth.Runtime.Shims.Server;
using Berth.Runtime.State;
using Berth.RuntimeHost.CommandLine;
using Berth.RuntimeHost.Verbs;

namespace Berth.RuntimeHost;

/// <summary>The program: a shim, or one verb of the OCI runtime's command line.</summary>
internal static class Program
{
    /// <summary>What it is called in texts.</summary>
    public const string Name = "berth-runtime";

    private const int UnknownVerb = 3;

    public static int Main(string[] args)
    {
        if (args is ["shim"])
            return ShimServer.Run(DetachedProcess.InheritedNumber);
        int status = args is ["--", ..] ? ContainerInit.Run(args[1..]) : Run(args);
        ProcessControl.Exit(status); // all is written, and the runtime's own end would cost what a verb has no use for
        return status;
    }

    private static int Run(string[] args)
    {
        Arguments global;
        try
        {
            global = Arguments.Parse(args, GlobalOptions.Flags);
        }
        catch (UsageException e)
        {
            RuntimeLog.Print($"Incorrect Usage. {e.Message}\n\n{Help()}");
            RuntimeLog.Error(e.Message);
            return 1;
        }

        return Run(global);
    }

    private static int Run(Arguments global)
    {
        if (global.IsOn("version"))
            return Print($"{Name} version {ProgramVersion.Text}\nspec: {ProgramVersion.Specification}\n");
        if (global.WantsHelp || global.Rest.Count == 0)
            return Print(Help());
        string name = global.Rest[0];
        IReadOnlyList<string> words = [.. global.Rest.Skip(1)];
        if (name is "help" or "h")
        {
            if (words.Count == 0)
                return Print(Help());
            (name, words) = (words[0], ["--help"]);
        }

        try
        {
            RuntimeLog.Configure(global.Text("log"), global.Text("log-format"), global.IsOn("debug"));
            if (global.IsSet("criu"))
                throw new NotSupportedException("--criu: this runtime has no checkpoint and restore");
        }
        catch (Exception e) when (e is ArgumentException or LinuxException or NotSupportedException)
        {
            RuntimeLog.Error(e.Message);
            return 1;
        }

        if (VerbList.Find(name) is { } verb)
            return Run(verb, words, GlobalOptions.From(global));
        RuntimeLog.Error($"No help topic for '{name}'\n");
        return UnknownVerb;
    }

    private static int Run(Verb verb, IReadOnlyList<string> words, GlobalOptions options)
    {
        try
        {
            Arguments arguments = Arguments.Parse(verb.TakesAnything ? [] : words, verb.Flags);
            if (arguments.WantsHelp)
                return Print(verb.Help());
            if (verb.StartsProcess)
            {
                SignalDisposition.KeepEndedChildren();
                OwnFile.Protect();
            }

            return verb.Run(new VerbCall(arguments, options));
        }
        catch (UsageException e)
        {
            RuntimeLog.Print($"Incorrect Usage{(e.IsArgumentCount ? "." : $": {e.Message}")}\n\n{verb.Help()}");
            RuntimeLog.Error(e.Message);
            return 1;
        }
        catch (Exception e) when (e is StateException or ContainerStartException or LinuxException or JsonException or InvalidDataException or ArgumentException
            or NotSupportedException or EngineException or IOException or UnauthorizedAccessException)
        {
            RuntimeLog.Error(verb.FailurePrefix + Failures.Describe(e));
            return verb.FailureCode;
        }
    }

    private static int Print(string text)
    {
        RuntimeLog.Print(text);
        return 0;
    }

    private static string Help()
    {
        var text = new StringBuilder(
            $"NAME:\n   {Name} - runs containers as the Open Container Initiative's runtime specification describes them\n\n"
            + $"USAGE:\n   {Name} [global options] command [command options] [arguments...]\n\nVERSION:\n   {ProgramVersion.Text}\nspec: {ProgramVersion.Specification}\n\nCOMMANDS:\n");
        foreach (string name in VerbList.Names)
            text.Append($"   {name,-11} {VerbList.Find(name)!.Summary}\n"); // every name of the list is found
        text.Append("   help, h     list the commands, or show the help of one\n\nGLOBAL OPTIONS:\n");
        Verb.AppendFlags(text, [.. GlobalOptions.Flags, new Flag("help", "h", FlagKind.Switch, "show help")]);
        return text.ToString();
    }
}
