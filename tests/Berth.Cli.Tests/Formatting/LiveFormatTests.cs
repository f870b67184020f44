using System.Diagnostics;
using System.Formats.Tar;
using System.Text;
using Berth.Cli.Tests.Support;

namespace Berth.Cli.Tests.Formatting;

/// <summary>Both command line clients on one running daemon of this project.</summary>
public sealed class LiveFormatTests
{
    private static readonly string[] InspectFormats =
    [
        "{{json .}}", "json", "{{.Id}} {{.Name}}", "{{.State}}", "{{.State.Status}} {{.State.Pid}} {{.State.Bogus}}", "{{json .Config}}", "{{json .HostConfig}}",
        "{{.HostConfig.RestartPolicy}} {{.HostConfig.NetworkMode}} {{.HostConfig.Dns}} {{.HostConfig.PidsLimit}}", "{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}",
        "{{range .Config.Env}}{{println .}}{{end}}", "{{.Config}}", "{{printf \"%+v\" .State}}", "{{range $k, $v := .NetworkSettings.Networks}}{{$k}} {{json $v}}{{end}}", "{{.Mounts}} {{.GraphDriver}}",
    ];

    private static readonly string[] ImageFormats = ["{{json .}}", "{{.Id}} {{.RepoTags}} {{.Size}}", "{{json .Config}} {{.Config}}", "{{.RootFS}} {{.Metadata.LastTagTime}}", "{{.Os}}/{{.Architecture}}{{.Bogus}}"];

    private static readonly string[] ListFormats =
    [
        "table", "raw", "{{.ID}} {{.Names}} {{.Image}} {{.Command}} {{.State}} {{.Status}}", "{{.Ports}}|{{.Labels}}|{{.Label \"a\"}}|{{.Mounts}}|{{.LocalVolumes}}|{{.Networks}}|{{.Platform}}",
        "table {{.Names}}\\t{{.RunningFor}}\\t{{.CreatedAt}}", "{{.Bogus}}",
    ];

    private static readonly string[] ServerFormats = ["{{.Server.Version}} {{.Server.APIVersion}} {{.Server.Components}}", "{{json .Server}}", "{{.Server.Nope}}"];

    private static readonly string[] InfoFormats = ["{{.ServerVersion}} {{.Driver}} {{.DriverStatus}} {{.Plugins}}", "{{json .Plugins}} {{json .Swarm}} {{json .Runtimes}}", "{{.SecurityOptions}} {{.Nope}}"];

    [LiveFact]
    public async Task Both_clients_print_the_same()
    {
        string folder = Directory.CreateTempSubdirectory("berth-cli-live-").FullName;
        string host = $"unix://{folder}/engine.sock";
        var start = new ProcessStartInfo(LiveFactAttribute.Daemon, ["--bridge", "none", "--data-root", folder + "/data", "--exec-root", folder + "/exec", "-H", host])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        using Process daemon = Process.Start(start)!; // throws if it cannot start
        _ = daemon.StandardOutput.ReadToEndAsync();
        _ = daemon.StandardError.ReadToEndAsync();
        try
        {
            await FillAsync(host, folder);
            var differences = new StringBuilder();
            foreach (string[] arguments in Commands())
            {
                (FormatOutcome stock, FormatOutcome own) = await RunBothAsync(arguments, host);
                FormatTests.Compare(arguments, stock, own, differences);
            }

            Assert.True(differences.Length == 0, differences.ToString());
        }
        finally
        {
            daemon.Kill();
            await daemon.WaitForExitAsync();
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>What both print; once more when it differs, as a second may have passed between them.</summary>
    private static async Task<(FormatOutcome Stock, FormatOutcome Own)> RunBothAsync(string[] arguments, string host)
    {
        for (int tries = 1; ; tries++)
        {
            FormatOutcome stock = FormatCase.RunStock(arguments, host);
            FormatOutcome own = await FormatCase.RunOwnAsync(arguments, host);
            if (stock == own || tries == 3)
                return (stock, own);
        }
    }

    private static IEnumerable<string[]> Commands() =>
    [
        ["ps"], ["ps", "-a"], ["ps", "-aq"], ["ps", "-a", "--no-trunc"], ["images"], ["images", "--digests"], ["images", "--no-trunc"],
        .. InspectFormats.Select(format => (string[])["inspect", "-f", format, "one", "two", "nope"]),
        .. ImageFormats.Select(format => (string[])["image", "inspect", "-f", format, "tiny"]),
        .. ListFormats.Select(format => (string[])["ps", "-a", "--format", format]),
        .. ServerFormats.Select(format => (string[])["version", "-f", format]),
        .. InfoFormats.Select(format => (string[])["info", "-f", format]),
        ["images", "--format", "json"], ["images", "--format", "{{.ID}} {{.Repository}} {{.Tag}} {{.Digest}} {{.CreatedSince}} {{.CreatedAt}} {{.Size}}"],
    ];

    private static async Task FillAsync(string host, string folder)
    {
        for (int i = 0; (await FormatCase.RunOwnAsync(["version"], host)).Status != 0; i++)
        {
            Assert.True(i < 100, "the daemon did not answer within 10 s");
            await Task.Delay(100);
        }

        string archive = Path.Combine(folder, "tiny.tar");
        using (var writer = new TarWriter(File.Create(archive)))
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "hello") { DataStream = new MemoryStream("hello\n"u8.ToArray()) });

        string[][] commands =
        [
            ["import", archive, "tiny:latest"],
            ["create", "--name", "one", "--network", "none", "--label", "a=1", "--label", "b.c=<x>", "-e", "A=é", "tiny", "/hello", "a b", "\"q\""],
            ["create", "--name", "two", "--network", "host", "--hostname", "there", "tiny", "/hello"],
        ];
        foreach (string[] command in commands)
        {
            FormatOutcome outcome = await FormatCase.RunOwnAsync(command, host);
            Assert.True(outcome.Status == 0, outcome.ToString());
        }
    }
}
