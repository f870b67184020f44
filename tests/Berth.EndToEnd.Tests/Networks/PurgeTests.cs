using System.Diagnostics;
using System.Globalization;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Networks;

/// <summary>The end of an installation: <c>berthd --purge</c>.</summary>
public sealed class PurgeTests
{
    [Fact]
    public async Task WhatTheNetworksHaveInTheKernelGoesAndTheDataStay()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork);
        Cli cli = daemon.Client(Clients.Berth);
        (await cli.RunAsync("network", "create", "-o", "com.docker.network.bridge.name=brpurge", "front")).Expect();
        (await cli.RunAsync("create", "--name", "kept", "--network", "front", "busybox", "true")).Expect();
        (int status, _, string error) = await PurgeAsync(daemon);
        Assert.Equal(1, status);
        Assert.Contains($"data root {daemon.DataRoot} is in use by another daemon (pid {daemon.Pid.ToString(CultureInfo.InvariantCulture)})", error, StringComparison.Ordinal);
        Assert.Equal(0, await daemon.StopAsync());

        (status, string output, error) = await PurgeAsync(daemon);
        Assert.True(status == 0, error);
        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["removed link berth0", "removed link brpurge"], lines.Where(static line => line.Contains("link", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.Single(lines, static line => line.StartsWith("removed table inet berth-", StringComparison.Ordinal));
        Assert.Equal("lo\n", (await InNamespaceAsync(daemon, "sh", "-c", "ip -o link | sed 's/^[0-9]*: //; s/[:@].*//'")).Output);

        Assert.Contains("nothing to remove", (await PurgeAsync(daemon)).Output, StringComparison.Ordinal);
        await daemon.StartAsync();
        Assert.Equal("front", (await cli.RunAsync("inspect", "-f", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}", "kept")).Expect().Line);
        (await cli.RunAsync("start", "kept")).Expect();
    }

    private static Task<(int Status, string Output, string Error)> PurgeAsync(RunningDaemon daemon) =>
        InNamespaceAsync(daemon, Binaries.Berthd, "--data-root", daemon.DataRoot, "--purge");

    private static async Task<(int Status, string Output, string Error)> InNamespaceAsync(RunningDaemon daemon, params string[] command)
    {
        var info = new ProcessStartInfo("nsenter", ["--net=" + daemon.NamespacePath, .. command]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(info) ?? throw new InvalidOperationException("nsenter did not start");
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output, await error);
    }
}
