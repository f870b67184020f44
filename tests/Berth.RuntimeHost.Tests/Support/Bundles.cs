using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.RuntimeHost.Tests.Support;

/// <summary>A folder for state and bundles; what is left of containers goes with it.</summary>
public class RuntimeTest : IDisposable
{
    private static readonly string[] Applets = ["sh", "sleep", "true", "cat", "echo", "id", "ls", "env", "pwd", "kill", "tty", "stty", "test", "grep", "readlink", "chmod"];

    private bool disposed;

    protected RuntimeTest()
    {
        Folder = Directory.CreateTempSubdirectory("berth-runtime-").FullName;
        Bundle = MakeBundle("bundle");
    }

    /// <summary>Everything of this test.</summary>
    protected string Folder { get; }

    /// <summary>The <c>--root</c>.</summary>
    protected string State => Path.Combine(Folder, "state");

    /// <summary>A bundle whose program sleeps.</summary>
    protected string Bundle { get; }

    protected string Rootfs => Path.Combine(Bundle, "rootfs");

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (disposed)
            return;
        disposed = true;
        if (Directory.Exists(State))
        {
            foreach (string container in Directory.GetDirectories(State))
                _ = Runtime("delete", "--force", Path.GetFileName(container));
        }

        Outcome removed = Programs.Run("/bin/rm", ["-rf", Folder]); // takes trees that are deeper than a path may be: neighbours who swap folders make them
        Assert.True(removed.Code == 0, removed.ToString());
    }

    /// <summary>An id that no other test uses: cgroups have one namespace for all.</summary>
    protected static string NewId() => "t" + Guid.NewGuid().ToString("N")[..12];

    internal Outcome Runtime(params IEnumerable<string> arguments) => Programs.Run(Programs.Runtime, ["--root", State, .. arguments], Bundle);

    internal Outcome Expect(int code, params IEnumerable<string> arguments)
    {
        Outcome outcome = Runtime(arguments);
        Assert.True(outcome.Code == code, $"{string.Join(' ', arguments)}: wanted exit status {code}, got {outcome}");
        return outcome;
    }

    /// <summary>Creates a container of the bundle whose output goes nowhere.</summary>
    protected string Created(params IEnumerable<string> flags)
    {
        string id = NewId();
        _ = Expect(0, ["create", "--bundle", Bundle, .. flags, id]);
        return id;
    }

    protected string Running(params IEnumerable<string> flags)
    {
        string id = Created(flags);
        _ = Expect(0, "start", id);
        return id;
    }

    protected string StatusOf(string id) => StateOf(id)["status"]!.GetValue<string>();

    protected int PidOf(string id) => StateOf(id)["pid"]!.GetValue<int>();

    protected JsonObject StateOf(string id) => JsonNode.Parse(Expect(0, "state", id).Output)!.AsObject();

    protected void AwaitStatus(string id, string status) => Await(() => StatusOf(id) == status, $"{id} is {status}");

    internal static void Await(Func<bool> condition, string what)
    {
        var clock = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(clock.Elapsed.TotalSeconds < 60, $"not within 60 s: {what}");
            Thread.Sleep(10);
        }
    }

    internal static bool IsAlive(int pid)
    {
        try
        {
            return !File.ReadAllText($"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Sets the program of a bundle.</summary>
    protected void SetProgram(params string[] args) => Change(spec => spec["process"]!["args"] = new JsonArray([.. args.Select(static a => JsonValue.Create(a))]));

    /// <summary>Changes the bundle's configuration.</summary>
    protected void Change(Action<JsonObject> change)
    {
        string path = Path.Combine(Bundle, "config.json");
        JsonObject spec = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(spec);
        File.WriteAllText(path, spec.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
    }

    private string MakeBundle(string name)
    {
        string bundle = Path.Combine(Folder, name);
        foreach (string folder in (string[])["bin", "dev", "etc", "proc", "sys", "tmp"])
            Directory.CreateDirectory(Path.Combine(bundle, "rootfs", folder));
        string bin = Path.Combine(bundle, "rootfs", "bin");
        File.Copy(Programs.Busybox, Path.Combine(bin, "busybox"));
        foreach (string applet in Applets)
            File.CreateSymbolicLink(Path.Combine(bin, applet), "busybox");
        Outcome spec = Programs.Run(Programs.Runtime, ["spec", "--bundle", bundle]);
        Assert.True(spec.Code == 0, spec.ToString());
        string path = Path.Combine(bundle, "config.json");
        JsonObject json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        json["process"]!["terminal"] = false;
        json["process"]!["args"] = new JsonArray("sleep", "1000");
        json["root"]!["readonly"] = false;
        File.WriteAllText(path, json.ToJsonString());
        return bundle;
    }
}
